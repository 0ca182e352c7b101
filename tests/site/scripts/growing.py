# title: Growing
# access: public
import json

from scriptapps import st

state = st.session_state
if st.button("Up"):
    state.n = state.get("n", 0) + 1
    # New pages of the database file, every time.
    state[f"ballast {state.n}"] = "x" * 20_000
if st.button("Down", key="down"):
    state.m = state.get("m", 0) + 1
note = st.text_input("Note", "0")
if note != state.get("notes", ["0"])[-1]:
    state.notes = [*state.get("notes", ["0"]), note]
st.text(json.dumps({"n": state.get("n", 0), "m": state.get("m", 0), "note": note, "notes": state.get("notes", ["0"])}))
