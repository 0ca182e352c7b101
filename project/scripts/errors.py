# title: Errors
# description: What a page shows when a script goes wrong.
# access: signed-in
from decimal import Decimal

from project.shop.models import Order
from scriptapps import st


def share(part: Decimal, whole: Decimal) -> Decimal:
    """What part of the whole this is."""
    return part / whole


st.title("Errors")
st.write("What was written before the error stays; after it comes the place in the script.")

if st.button("Divide by nothing", type="primary"):
    share(Order.objects.revenue(), Decimal(0))

if st.button("Ask for an order that is not there"):
    Order.objects.get(pk=-1)

if st.button("Show a caught error"):
    try:
        int("twelve")
    except ValueError as error:
        st.exception(error)
        st.info("The script caught this one, so it goes on.")

st.success("The script ran to its end.")
