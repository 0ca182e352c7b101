"""The command that fills the demo site: accounts and two years of orders.

Runs on: the command line. Calling it again changes nothing that is there already.
"""

from random import Random
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Permission, User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils import timezone

from project.shop import invented
from project.shop.models import Customer, Order, OrderLine, Product

ALICE_MAY = [
    "view_customer", "view_product", "add_product", "change_product",
    "view_order", "add_order", "view_orderline", "add_orderline",
]  # fmt: skip
BOB_MAY = ["view_product"]
BATCH = 500  # rows per statement; more than this SQLite refuses or splits anyway
SEED = 20


class Command(BaseCommand):
    """Make the demo accounts and, in an empty shop, customers, products and orders."""

    help = "Fills the demo site with accounts and two years of invented orders. Needs DEBUG."

    def add_arguments(self, parser: CommandParser) -> None:
        """Sizes, for tests and for larger trials."""
        parser.add_argument("--customers", type=int, default=400, help="how many customers (400)")
        parser.add_argument("--orders", type=int, default=8000, help="how many orders (8000)")

    def handle(self, *args: Any, customers: int, orders: int, **options: Any) -> None:
        """Do it, or refuse where the accounts' passwords would be a hole."""
        if not settings.DEBUG:
            raise CommandError("demo_data makes accounts whose passwords everybody knows; it runs only with DEBUG on.")
        with transaction.atomic():
            made = self.fill_shop(customers, orders)
            self.make_account("admin", superuser=True)
            self.make_account("alice", permissions=ALICE_MAY)
            self.make_account("bob", permissions=BOB_MAY)
        self.stdout.write(f"Made {made} orders." if made else "The shop has its data already.")
        self.stdout.write("Accounts (the password is the name):")
        self.stdout.write("  admin  may do everything, sees /admin/")
        self.stdout.write("  alice  sees orders and may add them")
        self.stdout.write("  bob    sees products only")

    def fill_shop(self, customer_count: int, order_count: int) -> int:
        """Invent the shop's past unless it has products; returns the number of orders made."""
        if Product.objects.exists():
            return 0
        random, now = Random(SEED), timezone.localtime()
        goods = Product.objects.bulk_create(invented.products(random), BATCH)
        buyers = Customer.objects.bulk_create(invented.customers(random, customer_count, now), BATCH)
        purchases = list(invented.purchases(random, order_count, buyers, goods, now))
        Order.objects.bulk_create([purchase.order for purchase in purchases], BATCH)
        lines = [
            OrderLine(order=purchase.order, product=product, quantity=quantity, unit_price=price)
            for purchase in purchases
            for product, quantity, price in purchase.lines
        ]
        OrderLine.objects.bulk_create(lines, BATCH)
        return len(purchases)

    def make_account(self, name: str, *, superuser: bool = False, permissions: list[str] | None = None) -> None:
        """Make `name` what the demo says it is; an account that is so already keeps its sign-ins."""
        user, _ = User.objects.get_or_create(username=name)
        user.is_active, user.is_staff, user.is_superuser = True, superuser, superuser
        if not user.check_password(name):
            user.set_password(name)
        user.save()
        wanted = Permission.objects.filter(content_type__app_label="shop", codename__in=permissions or [])
        user.user_permissions.set(wanted)
