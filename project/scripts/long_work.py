# title: Long work
# description: Progress and steps of work that takes a while, and stopping it.
# access: signed-in
import time

from django.db.models import Count

from project.shop.models import Order
from scriptapps import st

st.title("Long work")
st.write("Start something, then press stop in the page's corner: the work ends, what is shown stays.")

parcels = st.slider("Parcels", 5, 200, 40)
pack, count, spin = st.columns(3)

if pack.button("Pack parcels", type="primary"):
    bar = st.progress(0.0, text="Nothing packed yet")
    with st.status("Packing", expanded=True) as status:
        for number in range(1, parcels + 1):
            time.sleep(0.1)
            bar.progress(number / parcels, text=f"{number} of {parcels} packed")
            if number % 10 == 0:
                st.write(f"Pallet {number // 10} is full.")
        status.update(label="Everything is packed", state="complete", expanded=False)
    st.toast("The parcels are ready.")

if count.button("Count orders slowly"):
    with st.spinner("Counting"):
        time.sleep(3)
        rows = Order.objects.order_by("status").values("status").annotate(orders=Count("pk"))
    st.table(rows, hide_index=True)

if spin.button("Work for ever"):
    shown = st.empty()
    turns = 0
    while True:
        turns += 1
        if turns % 200_000 == 0:
            shown.text(f"{turns:,} turns")
