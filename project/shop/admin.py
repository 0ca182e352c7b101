"""The shop in Django's admin."""

from typing import Any

from django.contrib import admin
from django.db.models import F, Sum
from django.forms import BaseModelFormSet
from django.http import HttpRequest

from project.shop.models import Customer, Order, OrderLine, Product


@admin.register(Customer)
class CustomerAdmin(admin.ModelAdmin):
    """Customers, found by name and address."""

    list_display = ["name", "email", "country", "region", "since"]
    list_filter = ["region", "country"]
    search_fields = ["name", "email"]


@admin.register(Product)
class ProductAdmin(admin.ModelAdmin):
    """Products with their prices, which can be changed in the list."""

    list_display = ["name", "category", "price", "in_stock"]
    list_editable = ["price", "in_stock"]
    list_filter = ["category"]
    search_fields = ["name"]


class OrderLineInline(admin.TabularInline):
    """The lines of an order, below it."""

    model = OrderLine
    extra = 0
    autocomplete_fields = ["product"]


@admin.register(Order)
class OrderAdmin(admin.ModelAdmin):
    """Orders with their lines; the total follows the lines."""

    list_display = ["id", "placed_at", "customer", "status", "channel", "region", "total"]
    list_filter = ["status", "channel", "region"]
    list_select_related = ["customer"]
    search_fields = ["id", "customer__name"]
    date_hierarchy = "placed_at"
    autocomplete_fields = ["customer"]
    readonly_fields = ["total"]
    inlines = [OrderLineInline]

    def save_related(self, request: HttpRequest, form: Any, formsets: list[BaseModelFormSet], change: bool) -> None:
        """Write the total once the lines are saved."""
        super().save_related(request, form, formsets, change)
        order = form.instance
        order.total = order.lines.aggregate(total=Sum(F("quantity") * F("unit_price")))["total"] or 0
        order.save(update_fields=["total"])
