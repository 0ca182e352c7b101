"""The demo site's own pages.

Runs on: request threads.
"""

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from project.shop.models import Order
from scriptapps.visitors import sessions_of

SAMPLE = """from project.shop.models import Order
from scriptapps import st

days = st.slider("Days", 1, 90, 30)
orders = Order.objects.placed_within(days=days)
st.metric("Orders", orders.count())
st.dataframe(orders.values("id", "placed_at", "status"))
"""


def landing(request: HttpRequest) -> HttpResponse:
    """What this site shows, and the ways in."""
    latest = Order.objects.first() if request.user.has_perm("shop.view_order") else None
    return render(request, "landing.html", {"sample": SAMPLE, "show_accounts": settings.DEBUG, "order": latest})


@login_required
def embedded(request: HttpRequest) -> HttpResponse:
    """A page of the site with a script app in the middle of it."""
    return render(request, "embedded.html")


@login_required
@permission_required("shop.view_order", raise_exception=True)
def order(request: HttpRequest, number: int) -> HttpResponse:
    """One order, and a button that shows its surroundings in the dashboard that the visitor has open."""
    found = get_object_or_404(Order.objects.select_related("customer"), pk=number)
    lines = found.lines.select_related("product")
    return render(request, "order.html", {"order": found, "lines": lines})


@login_required
@permission_required("shop.view_order", raise_exception=True)
@require_POST
def show_order(request: HttpRequest, number: int) -> HttpResponse:
    """Set the filters of the visitor's own open dashboards to this order's region; nobody else's page moves."""
    region = get_object_or_404(Order, pk=number).region
    mine = sessions_of(request).live().filter(script_app__slug="orders", viewers__gt=0)
    shown = int(mine.rerun(values={"region": region}, by=request.user, trigger="shop"))
    if request.get_preferred_type(["text/html", "application/json"]) == "application/json":
        return JsonResponse({"shown_in": shown})
    if shown:
        messages.success(request, "Your dashboard shows the region of this order.")
    else:
        messages.info(request, "You have no dashboard open in this browser. Open it, and press again.")
    return redirect("order", number=number)
