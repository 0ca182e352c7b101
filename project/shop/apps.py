"""The shop as a Django app."""

from django.apps import AppConfig


class ShopConfig(AppConfig):
    """Customers, products and orders of the demo site."""

    name = "project.shop"
    label = "shop"
    verbose_name = "Shop"
