"""What the shop sells, to whom, and when.

Money is Decimal euros. An order keeps the price of its day in its lines; its total is their sum, written with them.
"""

from datetime import timedelta
from decimal import Decimal
from typing import Self

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Sum
from django.db.models.functions import Coalesce
from django.utils import timezone


class Region(models.TextChoices):
    """Where an order is sent to."""

    NORTH = "north", "North"
    WEST = "west", "West"
    SOUTH = "south", "South"
    EAST = "east", "East"


class Customer(models.Model):
    """Somebody who buys."""

    name = models.CharField(max_length=120)
    email = models.EmailField(unique=True)
    country = models.CharField(max_length=60)
    region = models.CharField(max_length=10, choices=Region.choices)
    since = models.DateField()

    class Meta:
        ordering = ["name", "pk"]

    def __str__(self) -> str:
        return self.name


class Category(models.TextChoices):
    """What kind of thing a product is."""

    LIGHTING = "lighting", "Lighting"
    SEATING = "seating", "Seating"
    TABLES = "tables", "Tables"
    STORAGE = "storage", "Storage"
    TEXTILES = "textiles", "Textiles"
    KITCHEN = "kitchen", "Kitchen"


class Product(models.Model):
    """Something the shop sells."""

    name = models.CharField(max_length=120, unique=True)
    category = models.CharField(max_length=20, choices=Category.choices)
    price = models.DecimalField(
        max_digits=10, decimal_places=2, validators=[MinValueValidator(Decimal(0))], help_text="euros"
    )
    in_stock = models.PositiveIntegerField(default=0, help_text="pieces")

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class OrderQuerySet(models.QuerySet["Order"]):
    """Questions the shop asks about its orders."""

    def placed_within(self, *, days: int) -> Self:
        """Orders of the last `days` days."""
        return self.filter(placed_at__gte=timezone.now() - timedelta(days=days))

    def revenue(self) -> Decimal:
        """The sum of what these orders are worth, cancelled ones left out."""
        total = Coalesce(Sum("total"), Decimal(0), output_field=models.DecimalField())
        return self.exclude(status=Order.Status.CANCELLED).aggregate(revenue=total)["revenue"]


class Order(models.Model):
    """Things a customer bought at one time."""

    class Status(models.TextChoices):
        """How far an order has come."""

        NEW = "new", "New"
        PAID = "paid", "Paid"
        SHIPPED = "shipped", "Shipped"
        RETURNED = "returned", "Returned"
        CANCELLED = "cancelled", "Cancelled"

    class Channel(models.TextChoices):
        """Where an order came from."""

        WEB = "web", "Web"
        STORE = "store", "Store"
        PARTNER = "partner", "Partner"

    customer = models.ForeignKey(Customer, models.PROTECT, related_name="orders")
    placed_at = models.DateTimeField(default=timezone.now, db_index=True)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.NEW)
    channel = models.CharField(max_length=10, choices=Channel.choices, default=Channel.WEB)
    region = models.CharField(max_length=10, choices=Region.choices)
    total = models.DecimalField(max_digits=12, decimal_places=2, default=Decimal(0), editable=False, help_text="euros")

    objects = OrderQuerySet.as_manager()

    class Meta:
        ordering = ["-placed_at", "-pk"]

    def __str__(self) -> str:
        return f"Order {self.pk}"

    def add_lines(self, quantities: dict[Product, int]) -> None:
        """Add a line per product at today's price and write the new total; call it inside a transaction."""
        lines = [
            OrderLine(order=self, product=product, quantity=quantity, unit_price=product.price)
            for product, quantity in quantities.items()
        ]
        OrderLine.objects.bulk_create(lines)
        self.total += sum((line.amount for line in lines), Decimal(0))
        self.save(update_fields=["total"])


class OrderLine(models.Model):
    """One product of an order."""

    order = models.ForeignKey(Order, models.CASCADE, related_name="lines")
    product = models.ForeignKey(Product, models.PROTECT, related_name="lines")
    quantity = models.PositiveIntegerField(validators=[MinValueValidator(1)])
    unit_price = models.DecimalField(max_digits=10, decimal_places=2, help_text="euros, on the day of the order")

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.quantity} x {self.product}"

    @property
    def amount(self) -> Decimal:
        """What this line is worth."""
        return self.quantity * self.unit_price
