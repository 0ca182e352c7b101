# title: Live orders
# description: Open it twice, save an order in the admin: the figures follow at once, without a click.
# access: signed-in
import random
from datetime import timedelta

from _money import change, euros
from django.db import transaction
from django.db.models import Count, Sum
from django.db.models.functions import TruncDate
from django.utils import timezone

from project.shop.models import Customer, Order, Product
from scriptapps import st

st.set_page_config(page_title="Live orders", layout="wide")

DAYS = 14
OPEN = [Order.Status.NEW, Order.Status.PAID]


def by_day(value):
    """A value for each of the last days, the running one included."""
    today = timezone.localdate()
    first = today - timedelta(days=DAYS - 1)
    rows = (
        Order.objects.filter(placed_at__date__gte=first)
        .exclude(status=Order.Status.CANCELLED)
        .order_by()
        .values_list(TruncDate("placed_at"))
        .annotate(value=value)
    )
    found = dict(rows)
    return [float(found.get(first + timedelta(days=day)) or 0) for day in range(DAYS)]


def delta(values):
    """The last week against the one before."""
    return change(sum(values[7:]), sum(values[:7])) if sum(values[:7]) else None


@st.fragment(live=True)
def figures():
    revenue, orders = by_day(Sum("total")), by_day(Count("pk"))
    buyers = by_day(Count("customer", distinct=True))
    averages = [amount / max(number, 1) for amount, number in zip(revenue, orders, strict=True)]
    week = sum(revenue[7:]) / max(sum(orders[7:]), 1)
    cards = st.columns(4)
    cards[0].metric("Revenue, 7 days", euros(sum(revenue[7:])), delta(revenue), chart_data=revenue, border=True)
    cards[1].metric("Orders, 7 days", f"{sum(orders[7:]):.0f}", delta(orders), chart_data=orders, border=True)
    cards[2].metric("Average order", euros(week), delta(averages), chart_data=averages, border=True)
    cards[3].metric("Buyers a day", f"{sum(buyers[7:]) / 7:.1f}", delta(buyers), chart_data=buyers, border=True)
    st.caption(f"These figures are from {timezone.localtime():%H:%M:%S}, the page is from {opened:%H:%M:%S}.")


@st.fragment(live=True)
def latest():
    st.subheader("Came in last")
    st.dataframe(
        [
            {
                "Order": order.pk,
                "Placed": timezone.localtime(order.placed_at),
                "Customer": order.customer.name,
                "Status": order.get_status_display(),
                "Amount": order.total,
            }
            for order in Order.objects.select_related("customer")[:10]
        ],
        hide_index=True,
    )


# The result is watched here: an order that was sent long ago may change, and this chart stays as it is.
@st.fragment(rerun_on=Order.objects.filter(status__in=OPEN).order_by().values("status").annotate(n=Count("pk")))
def open_orders():
    st.subheader("To be sent")
    counts = dict(Order.objects.filter(status__in=OPEN).order_by().values_list("status").annotate(Count("pk")))
    st.bar_chart(
        [{"Status": status.label, "Orders": counts.get(status, 0)} for status in OPEN],
        x="Status",
        y="Orders",
        horizontal=True,
        height=180,
    )


@st.fragment
def desk():
    st.subheader("Make something happen")
    if not st.user.has_perms(["shop.add_order", "shop.change_order"]):
        st.markdown("Save an order in [the admin](/admin/shop/order/), in another window.")
        return
    comes, goes = st.columns(2)
    if comes.button("An order comes in", type="primary", width="stretch"):
        with transaction.atomic():
            customer = Customer.objects.order_by("?").first()
            order = Order.objects.create(customer=customer, region=customer.region)
            chosen = Product.objects.order_by("?")[: random.randint(1, 3)]
            order.add_lines({product: random.randint(1, 2) for product in chosen})
        st.toast(f"{order} for {customer}, {euros(order.total)}", icon="🛎️")
    if goes.button("The oldest is sent", width="stretch"):
        order = Order.objects.filter(status__in=OPEN).order_by("placed_at").first()
        if order:
            Order.objects.filter(pk=order.pk).update(status=Order.Status.SHIPPED)
            st.toast(f"{order} is on its way.", icon="🚚")
    st.markdown("Or save an order in [the admin](/admin/shop/order/), in another window.")


opened = timezone.localtime()
st.title("Live orders")
st.markdown("Open this page in two windows. Whoever changes an order, both follow at once: **nobody has to click**.")
figures()
left, right = st.columns([3, 2], gap="large")
with left:
    latest()
with right:
    open_orders()
    desk()
