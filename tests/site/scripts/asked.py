# title: Asked
# access: signed-in
import json
import time

from scriptapps import st
from tests.site.faults import reach, waits

state = st.session_state
state.setdefault("seen", [])
region = st.selectbox("Region", ["EU", "US"], key="region", index=1)
orders = sorted(key for key in state if key.startswith("order"))
for key in orders:
    state.seen.append(state.pop(key))
reach("in the run")
if state.pop("wait", False):
    st.text("working")
    while waits():
        time.sleep(0.01)
st.text(json.dumps({"region": region, "seen": state.seen}))
