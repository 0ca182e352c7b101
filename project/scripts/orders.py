# title: Orders dashboard
# description: Revenue and orders of the last months, by channel, product and category.
# access: signed-in
from datetime import datetime

from _money import change, euros
from django.db.models import Count, F, Q, Sum
from django.db.models.functions import TruncMonth
from django.utils import timezone

from project.shop.models import Category, Order, OrderLine, Product, Region
from scriptapps import st

st.set_page_config(page_title="Orders dashboard", layout="wide")


def months_before(moment: datetime, months: int) -> datetime:
    """The first of the month, `months` months earlier."""
    month = moment.year * 12 + moment.month - 1 - months
    return moment.replace(year=month // 12, month=month % 12 + 1, day=1, hour=0, minute=0, second=0, microsecond=0)


with st.sidebar:
    st.header("Filters")
    region = st.selectbox(
        "Region", list(Region), index=None, format_func=lambda r: r.label, placeholder="All regions", key="region"
    )
    products = st.multiselect("Products", list(Product.objects.values_list("name", flat=True)), placeholder="All")
    channels = st.multiselect("Channels", list(Order.Channel), format_func=lambda c: c.label, placeholder="All")
    months = st.slider("Months", 1, 12, 12, help="Whole months, the running one included.", key="months")
    compare = st.toggle("Compare with the time before", value=True)

lines = OrderLine.objects.exclude(order__status=Order.Status.CANCELLED)
if region:
    lines = lines.filter(order__region=region)
if products:
    lines = lines.filter(product__name__in=products)
if channels:
    lines = lines.filter(order__channel__in=channels)

AMOUNT = Sum(F("quantity") * F("unit_price"))
FIGURES = {
    "revenue": AMOUNT,
    "orders": Count("order", distinct=True),
    "returned": Count("order", distinct=True, filter=Q(order__status=Order.Status.RETURNED)),
}
now = timezone.localtime()
since = months_before(now, months - 1)
period = lines.filter(order__placed_at__gte=since)
# The same stretch, right before: as far into its last month as today is into this one.
earlier = months_before(since, months)
before = lines.filter(order__placed_at__gte=earlier, order__placed_at__lt=earlier + (now - since))

this, that = period.aggregate(**FIGURES), before.aggregate(**FIGURES)
revenue, old_revenue = this["revenue"] or 0, that["revenue"] or 0
average, old_average = revenue / max(this["orders"], 1), old_revenue / max(that["orders"], 1)
returns, old_returns = 100 * this["returned"] / max(this["orders"], 1), 100 * that["returned"] / max(that["orders"], 1)

st.title("Orders dashboard")
st.markdown(f"Orders from **{since.day} {since:%B %Y}** to **{now.day} {now:%B %Y}**, cancelled ones left out.")

if not this["orders"]:
    st.info("No orders match these filters.")
    st.stop()

cards = st.columns(4)
deltas = [
    change(revenue, old_revenue),
    change(this["orders"], that["orders"]),
    change(average, old_average),
    f"{returns - old_returns:+.1f} pt",
]
if not (compare and that["orders"]):
    deltas = [None] * 4
cards[0].metric("Revenue", euros(revenue), deltas[0], border=True)
cards[1].metric("Orders", f"{this['orders']:,}", deltas[1], border=True)
cards[2].metric("Average order", euros(average), deltas[2], border=True)
cards[3].metric("Returns", f"{returns:.1f} %", deltas[3], delta_color="inverse", border=True)

trend, by_product, by_category = st.tabs(["Trend", "Products", "Categories"])
with trend:
    by_month: dict[datetime, dict] = {}
    for month, channel, amount in (
        period.annotate(month=TruncMonth("order__placed_at"))
        .values_list("month", "order__channel")
        .annotate(amount=AMOUNT)
        .order_by("month")
    ):
        row = by_month.setdefault(month, {"Month": month.date(), **dict.fromkeys(Order.Channel.labels, 0.0)})
        row[Order.Channel(channel).label] = float(amount)
    shown = [channel.label for channel in channels] or Order.Channel.labels
    st.line_chart(list(by_month.values()), x="Month", y=shown, y_label="Revenue in euros")
    st.caption("The last month is still running.")
with by_product:
    best = period.values_list("product__name").annotate(amount=AMOUNT).order_by("-amount")[:12]
    st.bar_chart(
        [{"Product": name, "Revenue": float(amount)} for name, amount in best],
        x="Product",
        y="Revenue",
        horizontal=True,
    )
with by_category:
    parts = period.values_list("product__category").annotate(amount=AMOUNT).order_by("-amount")
    st.bar_chart(
        [{"Category": Category(name).label, "Revenue": float(amount)} for name, amount in parts],
        x="Category",
        y="Revenue",
    )

st.header("Latest orders")
latest = Order.objects.filter(pk__in=period.values("order")).order_by("-placed_at")
st.dataframe(
    latest.values(
        Order=F("pk"),
        Placed=F("placed_at"),
        Customer=F("customer__name"),
        Status=F("status"),
        Channel=F("channel"),
        Amount=F("total"),
    )[:200],
    hide_index=True,
)

with st.expander("How are these figures counted?"):
    st.markdown(
        "**Revenue** is quantity times the price of the day, over all lines that match the filters. "
        "**Returns** is the share of orders sent back. The small figures compare with the "
        f"{months} months before, up to the same day of the month."
    )
