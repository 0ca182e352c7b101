# title: Ledger
# access: public
import json
import uuid

from django.contrib.auth.models import Group

from scriptapps import st
from tests.site.faults import reach

state = st.session_state


def place_order():
    state.orders = state.get("orders", 0) + 1
    Group.objects.create(name=f"{st.session_id()}/{uuid.uuid4()}")


if st.button("Up"):
    state.n = state.get("n", 0) + 1
    state.log = [*state.get("log", []), f"up {state.n}"]
if st.button("Down", key="down"):
    state.m = state.get("m", 0) + 1
reach("in the run")
st.button("Order", on_click=place_order, atomic=True)
if "note" not in state:
    state.note = "0"
note = st.text_input("Note", key="note")
if note != state.get("notes", ["0"])[-1]:
    state.notes = [*state.get("notes", ["0"]), note]
plain = st.number_input("Plain", 0, 1_000_000)
shown = {name: state.get(name, 0) for name in ("n", "m", "orders")}
st.text(json.dumps({**shown, "note": note, "notes": state.get("notes", ["0"]), "plain": plain}))
