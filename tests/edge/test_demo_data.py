"""The demo data: enough, the same every time, made once, and never where everybody could sign in with it."""

import io
from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db.models import F, Sum
from django.db.models.functions import TruncMonth
from django.utils import timezone

from project.shop.models import Customer, Order, OrderLine, Product

pytestmark = pytest.mark.django_db


@pytest.fixture
def debug(settings):
    settings.DEBUG = True
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


def demo_data(**options: int) -> str:
    out = io.StringIO()
    call_command("demo_data", stdout=out, **options)
    return out.getvalue()


def small() -> str:
    return demo_data(customers=30, orders=300)


def test_refused_when_debug_is_off(settings):
    settings.DEBUG = False
    with pytest.raises(CommandError, match="DEBUG"):
        demo_data()
    assert not User.objects.exists()
    assert not Product.objects.exists()


def test_default_size_and_shape(debug, monkeypatch):
    # Two years back from the middle of a month touch 25 months; from a month's first day they may not.
    monkeypatch.setattr(timezone, "now", lambda: datetime(2026, 3, 17, 12, tzinfo=UTC))
    out = demo_data()
    assert (Customer.objects.count(), Product.objects.count(), Order.objects.count()) == (400, 60, 8000)
    assert all(f"  {name} " in out for name in ("admin", "alice", "bob"))
    months = [
        float(month["sum"])
        for month in Order.objects.annotate(month=TruncMonth("placed_at"))
        .values("month")
        .annotate(sum=Sum("total"))
        .order_by("month")
    ]
    assert len(months) == 25
    assert sum(months[13:24]) > 1.2 * sum(months[1:12]), "two years of growth"


def test_totals_are_the_sums_of_the_lines(debug):
    small()
    sums = OrderLine.objects.values_list("order").annotate(sum=Sum(F("quantity") * F("unit_price")))
    totals = dict(Order.objects.values_list("pk", "total"))
    assert {order: round(total, 2) for order, total in sums} == totals


def test_second_call_changes_nothing(debug):
    small()
    before = list(Order.objects.values()), list(User.objects.order_by("pk").values("pk", "password"))
    out = demo_data()
    assert "already" in out
    assert (list(Order.objects.values()), list(User.objects.order_by("pk").values("pk", "password"))) == before


def test_same_data_every_time(debug):
    def made() -> list[tuple]:
        small()
        found = list(Order.objects.order_by("pk").values_list("customer__email", "placed_at__date", "total"))
        OrderLine.objects.all().delete()
        Order.objects.all().delete()
        Product.objects.all().delete()
        Customer.objects.all().delete()
        return found

    assert made() == made()


def test_accounts(debug, client):
    small()
    for name in ("admin", "alice", "bob"):
        assert client.login(username=name, password=name)
    admin, alice, bob = (User.objects.get(username=name) for name in ("admin", "alice", "bob"))
    assert admin.is_superuser
    assert admin.is_staff
    assert not alice.is_staff
    assert not bob.is_staff
    assert alice.has_perms(["shop.view_order", "shop.add_order"])
    assert bob.get_all_permissions() == {"shop.view_product"}


def test_accounts_become_again_what_the_demo_says(debug):
    small()
    bob = User.objects.get(username="bob")
    bob.set_password("changed")
    bob.is_staff = True
    bob.save()
    demo_data()
    bob.refresh_from_db()
    assert bob.check_password("bob")
    assert not bob.is_staff
