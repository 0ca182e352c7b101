# title: New order
# description: Write an order with its lines to the database, in one transaction.
# access: permission shop.add_order
from _money import euros
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from project.shop.models import Customer, Order, Product
from scriptapps import st

LINES = 3


class OutOfStock(Exception):
    """There are fewer pieces than were ordered."""


def place_order(customer: Customer, channel: str, quantities: dict[Product, int]) -> Order:
    """Write the order, its lines and the new stock: all of it, or nothing. Raises OutOfStock."""
    with transaction.atomic():
        order = Order.objects.create(customer=customer, channel=channel, region=customer.region)
        order.add_lines(quantities)
        for product, quantity in quantities.items():
            available = Product.objects.filter(pk=product.pk, in_stock__gte=quantity)
            if not available.update(in_stock=F("in_stock") - quantity):
                raise OutOfStock(f"There are fewer than {quantity} of {product}.")
    return order


st.title("New order")
customers = list(Customer.objects.all())
products = list(Product.objects.all())

with st.form("new_order", clear_on_submit=True):
    customer = st.selectbox(
        "Customer", customers, index=None, format_func=lambda c: f"{c.name} ({c.email})", placeholder="Who buys?"
    )
    channel = st.radio("Channel", list(Order.Channel), format_func=lambda c: c.label, horizontal=True)
    lines = []
    for number in range(1, LINES + 1):
        left, right = st.columns([3, 1])
        product = left.selectbox(
            f"Product {number}", products, index=None, format_func=lambda p: f"{p.name}, {euros(p.price)}"
        )
        lines.append((product, right.number_input(f"Quantity {number}", 1, 100, 1)))
    sent = st.form_submit_button("Place order", type="primary")

if sent:
    quantities: dict[Product, int] = {}
    for product, quantity in lines:
        if product:
            quantities[product] = quantities.get(product, 0) + quantity
    if not customer:
        st.error("Choose a customer.")
    elif not quantities:
        st.error("Choose at least one product.")
    else:
        try:
            order = place_order(customer, channel, quantities)
        except OutOfStock as problem:
            st.error(f"Nothing was ordered. {problem}")
        else:
            st.success(f"Order {order.pk} for {customer} over {euros(order.total)} is placed.")

st.header("Placed last")
for order in Order.objects.select_related("customer").prefetch_related("lines__product")[:5]:
    with st.expander(f"Order {order.pk}: {order.customer}, {euros(order.total)}"):
        placed_at = timezone.localtime(order.placed_at)
        st.caption(f"{placed_at:%Y-%m-%d, %H:%M}, {order.get_channel_display()}")
        st.table(
            [
                {"Product": line.product.name, "Quantity": line.quantity, "Amount": euros(line.amount)}
                for line in order.lines.all()
            ],
            hide_index=True,
        )
