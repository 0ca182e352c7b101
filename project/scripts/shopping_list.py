# title: Shopping list
# description: One list on all your devices: what you tick on the phone is ticked on the laptop.
# access: signed-in
# scope: user
from _money import euros

from project.shop.models import Product
from scriptapps import st

lines = st.session_state.setdefault("lines", [])
products = list(Product.objects.all())


def take_off(number: int) -> None:
    """Remove one line."""
    st.session_state.lines = [line for line in st.session_state.lines if line["number"] != number]


def take_off_bought() -> None:
    """Keep what is still to be bought."""
    state = st.session_state
    state.lines = [line for line in state.lines if not state.get(f"bought-{line['number']}")]


st.title("Shopping list")
st.write(
    f"Open this page in a second browser, signed in as **{st.user.get_username()}**: it is this very list, and every "
    "change shows in both at once."
)

with st.form("add", clear_on_submit=True):
    what, how_many = st.columns([3, 1])
    product = what.selectbox(
        "Product", products, index=None, format_func=lambda p: f"{p.name}, {euros(p.price)}", placeholder="What else?"
    )
    quantity = how_many.number_input("Quantity", 1, 20, 1)
    note = st.text_input("Note", placeholder="Colour, for whom, …", max_chars=80)
    if st.form_submit_button("Put on the list", type="primary") and product:
        number = max((line["number"] for line in lines), default=0) + 1
        line = {"number": number, "name": product.name, "price": product.price, "quantity": quantity, "note": note}
        st.session_state.lines = lines = [*lines, line]

budget = st.slider("Budget in euros", 100, 3000, 1000, 50)
total = sum(line["price"] * line["quantity"] for line in lines)
pieces, costs, left = st.columns(3)
pieces.metric("Pieces", sum(line["quantity"] for line in lines), border=True)
costs.metric("Costs", euros(total), border=True)
left.metric("Left", euros(budget - total), border=True)
if total > budget:
    st.warning(f"That is {euros(total - budget)} more than you want to spend.")

if not lines:
    st.info("Nothing is on the list yet.")
bought = 0
for line in lines:
    with st.container(border=True):
        name, amount, remove = st.columns([5, 2, 2], vertical_alignment="center")
        bought += name.checkbox(f"{line['quantity']} × {line['name']}", key=f"bought-{line['number']}")
        if line["note"]:
            name.caption(line["note"])
        amount.write(euros(line["price"] * line["quantity"]))
        remove.button("Remove", f"remove-{line['number']}", on_click=take_off, args=(line["number"],), type="tertiary")
if lines:
    st.progress(bought / len(lines), f"{bought} of {len(lines)} bought")
    st.button("Remove what is bought", on_click=take_off_bought, disabled=not bought)
