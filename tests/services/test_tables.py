"""QuerySets and model instances as tables, in few queries."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.contrib.auth.models import Group, Permission
from django.db.models import Count, F
from django.db.models.functions import Upper

from project.shop.models import Customer, Order, Product
from scriptapps.elements.tabular import is_tabular, read_table
from scriptapps.models import SavedSnapshot, ScriptApp

pytestmark = pytest.mark.django_db


@pytest.fixture
def products() -> list[Product]:
    return [
        Product.objects.create(name=name, category="lighting", price=Decimal(price), in_stock=3)
        for name, price in [("Lamp", 10), ("Candle", 2), ("Torch", 7)]
    ]


@pytest.fixture
def customer() -> Customer:
    return Customer.objects.create(
        name="Ann", email="ann@example.org", country="NO", region="north", since=date(2025, 1, 2)
    )


def table(data, limit=10_000) -> dict:
    found = read_table(data, limit)
    return dict(zip(found.names, found.columns, strict=True))


def test_a_queryset_of_instances(products, django_assert_num_queries):
    with django_assert_num_queries(1):
        found = table(Product.objects.order_by("price"))
    assert list(found) == ["id", "name", "category", "price", "in_stock"]
    assert found["name"] == ["Candle", "Torch", "Lamp"]
    assert found["category"] == ["Lighting"] * 3, "choices are shown by their labels"
    assert found["price"] == [2, 7, 10]


def test_a_manager_and_a_list_of_instances(products):
    assert table(Product.objects) == table(list(Product.objects.all()))
    assert table(tuple(products[:1]))["name"] == ["Lamp"]


def test_values_and_values_list(products):
    by_price = Product.objects.order_by("price")
    assert table(by_price.values("name", "in_stock")) == {"name": ["Candle", "Torch", "Lamp"], "in_stock": [3, 3, 3]}
    assert table(by_price.values_list("in_stock", "name")) == {
        "in_stock": [3, 3, 3],
        "name": ["Candle", "Torch", "Lamp"],
    }
    assert table(by_price.values_list("name", flat=True)) == {"name": ["Candle", "Torch", "Lamp"]}
    assert table(by_price.values_list("name", named=True)) == {"name": ["Candle", "Torch", "Lamp"]}
    assert list(table(by_price.values_list("name", Upper("name")))) == ["name", "upper1"]


def test_annotations(products):
    annotated = Product.objects.order_by("price").annotate(double=F("price") * 2)
    assert table(annotated)["double"] == [4, 14, 20]
    grouped = Product.objects.values("category").annotate(count=Count("pk"))
    assert table(grouped) == {"category": ["lighting"], "count": [3]}


def test_only_and_defer(products):
    assert list(table(Product.objects.only("name"))) == ["id", "name"]
    assert "price" not in table(Product.objects.defer("price"))


def test_related_objects_cost_no_query_per_row(customer, django_assert_num_queries):
    placed = datetime(2026, 5, 1, 12, tzinfo=UTC)
    for _ in range(5):
        Order.objects.create(customer=customer, placed_at=placed, status=Order.Status.choices[0][0], total=1)
    with django_assert_num_queries(1):
        found = table(Order.objects.all())
    assert found["customer_id"] == [customer.pk] * 5
    with django_assert_num_queries(1):
        found = table(Order.objects.select_related("customer"))
    assert found["customer"] == ["Ann"] * 5
    assert "customer_id" not in found


def test_times_are_local(customer, settings):
    settings.TIME_ZONE = "Europe/Berlin"
    placed = datetime(2026, 7, 1, 22, 30, tzinfo=UTC)
    Order.objects.create(customer=customer, placed_at=placed, status=Order.Status.choices[0][0], total=1)
    for found in (table(Order.objects.all()), table(Order.objects.values("placed_at"))):
        assert found["placed_at"][0].replace(tzinfo=None) == datetime(2026, 7, 2, 0, 30)


def test_what_is_too_long_is_cut_and_counted(products, django_assert_num_queries):
    with django_assert_num_queries(2):
        found = read_table(Product.objects.order_by("price"), 2)
    assert (found.rows, found.total_rows) == (2, 3)
    with django_assert_num_queries(1):
        found = read_table(Product.objects.all(), 3)
    assert (found.rows, found.total_rows) == (3, 3)
    assert read_table(products, 2).total_rows == 3
    assert table(Product.objects.order_by("price")[1:], 1)["name"] == ["Torch"]


def test_an_evaluated_queryset_is_not_asked_again(products, django_assert_num_queries):
    evaluated = Product.objects.order_by("price")
    list(evaluated)
    with django_assert_num_queries(0):
        assert table(evaluated)["name"] == ["Candle", "Torch", "Lamp"]


def test_empty_ones_keep_their_columns():
    assert table(Product.objects.none()) == {"id": [], "name": [], "category": [], "price": [], "in_stock": []}
    assert table(Product.objects.values("name", "price")) == {"name": [], "price": []}
    assert table(Product.objects.values_list("name", flat=True)) == {"name": []}


def test_dates_and_raw_queries(customer, products):
    assert list(table(Customer.objects.dates("since", "year")).values()) == [[date(2025, 1, 1)]]
    assert list(table(Product.objects.values_list()))[:2] == ["id", "name"]
    assert table(Product.objects.raw("select * from shop_product where price < 5"))["name"] == ["Candle"]
    assert table(Product.objects.raw("select * from shop_product where price < 0")) == {}


def test_unions(products):
    unordered = Product.objects.order_by()
    both = unordered.filter(price=2).union(unordered.filter(price=7))
    assert sorted(table(both)["name"]) == ["Candle", "Torch"]


def test_bytes_are_left_out():
    row = ScriptApp.objects.create(slug="orders")
    SavedSnapshot.objects.create(script_app=row, payload=b"x")
    assert "payload" not in table(SavedSnapshot.objects.all())


def test_what_counts_as_a_table(products):
    assert is_tabular(Product.objects)
    assert is_tabular(Product.objects.values("name"))
    assert is_tabular(products)
    assert not is_tabular([])
    assert not is_tabular([products[0], 3])
    assert not is_tabular(products[0])


def test_lazy_text_and_models_become_text():
    group = Group.objects.create(name="sales")
    assert str(Permission.objects.first())
    assert table(Permission.objects.select_related("content_type")[:1])["content_type"]
    assert table([group])["name"] == ["sales"]
