"""The demo site's own pages.

Runs on: request threads.
"""

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

SAMPLE = """from project.shop.models import Order
from scriptapps import st

days = st.slider("Days", 1, 90, 30)
orders = Order.objects.placed_within(days=days)
st.metric("Orders", orders.count())
st.dataframe(orders.values("id", "placed_at", "status"))
"""


def landing(request: HttpRequest) -> HttpResponse:
    """What this site shows, and the ways in."""
    return render(request, "landing.html", {"sample": SAMPLE, "show_accounts": settings.DEBUG})


@login_required
def embedded(request: HttpRequest) -> HttpResponse:
    """A page of the site with a script app in the middle of it."""
    return render(request, "embedded.html")
