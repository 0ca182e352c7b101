# title: Load monitor
# description: A thread that feeds a chart, a clock that runs by itself and a part of the page that runs alone.
# access: signed-in
import os
import time
from datetime import datetime

from scriptapps import st

SHOWN = 60


def processor_seconds() -> float:
    times = os.times()
    return times.user + times.system


def feed() -> None:
    """Measure this server process, twice a second, for as long as the page lives."""
    measured: list[float] = []
    before, since = processor_seconds(), time.monotonic()
    chart, number = st.empty(), st.empty()
    while True:
        time.sleep(0.5)
        now, at = processor_seconds(), time.monotonic()
        measured = [*measured, 100 * (now - before) / (at - since)][-SHOWN:]
        before, since = now, at
        chart.area_chart({"processor": measured}, height=220)
        number.caption(f"Now {measured[-1]:.0f} %, highest {max(measured):.0f} % of one processor.")


@st.fragment(run_every="1s")
def clock() -> None:
    st.metric("Time on the server", f"{datetime.now():%H:%M:%S}")


@st.fragment
def work() -> None:
    st.session_state.setdefault("pieces", 0)
    million = st.slider("Million steps", 1, 20, 4, help="Work for the processor: the chart shows it.")
    if st.button("Work", type="primary"):
        sum(range(million * 1_000_000))
        st.session_state.pieces += 1
    st.caption(f"{st.session_state.pieces} pieces of work done. Only this part of the page ran for them.")


st.session_state.runs = st.session_state.get("runs", 0) + 1
st.title("Load monitor")
left, right = st.columns([2, 1])
with left:
    st.subheader("This process")
    if st.toggle("Watch", value=True):
        st.background(feed)
with right:
    clock()
    work()
st.divider()
st.caption(f"Runs of the whole script: {st.session_state.runs}")
st.button("Run everything again")
