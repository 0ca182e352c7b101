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

st.subheader("Work that goes on by itself")


def count_digits(numbers: int) -> dict[str, int]:
    """Count the digits of many numbers, slowly enough to watch."""
    bar, counts = st.progress(0.0), dict.fromkeys("0123456789", 0)
    for number in range(numbers):
        for digit in str(number**3):
            counts[digit] += 1
        time.sleep(0.05)
        bar.progress((number + 1) / numbers, text=f"{number + 1} of {numbers} numbers")
    return counts


job = st.task(count_digits, 100, label="Counting digits", start=False)
if st.button("Count digits", disabled=job.is_running):
    job.start()
    # So that the button knows.
    st.rerun()
if job.status == "done":
    st.bar_chart({"digit": list(job.result), "times": list(job.result.values())}, x="digit", y="times", height=200)
st.caption("Reload the page meanwhile, or use what is above: this goes on.")

if spin.button("Work for ever"):
    shown = st.empty()
    turns = 0
    while True:
        turns += 1
        if turns % 200_000 == 0:
            shown.text(f"{turns:,} turns")
