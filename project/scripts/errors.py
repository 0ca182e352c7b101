# title: Errors
# description: What a page shows when a script goes wrong.
# access: signed-in
from project.shop.models import Order
from scriptapps import st


def share(part: int, whole: int) -> float:
    """What part of the whole this is."""
    return part / whole


st.title("Errors")
st.write("What was written before the error stays; after it comes the place in the script.")

divide = st.button("Divide by nothing", type="primary")
miss = st.button("Ask for an order that is not there")
catch = st.button("Show a caught error")

if divide:
    share(Order.objects.count(), 0)
if miss:
    Order.objects.get(pk=-1)
if catch:
    try:
        int("twelve")
    except ValueError as error:
        st.exception(error)
        st.info("The script caught this one, so it goes on.")

st.success("The script ran to its end.")
