# title: Moving
# access: public
import json
import os
import time

from scriptapps import st
from tests.site.faults import RUN_LOG, waits

state = st.session_state


# Lines of all nodes in the order in which their runs began and ended, past whatever becomes of a run.
log = os.open(os.environ.get(RUN_LOG, os.devnull), os.O_WRONLY | os.O_APPEND | os.O_CREAT)
os.write(log, f"begin {st.session_id()} {os.getpid()}\n".encode())
try:
    if st.button("Up"):
        state.n = state.get("n", 0) + 1
    if st.button("Work"):
        state.works = state.get("works", 0) + 1
        st.text("working")
        while waits():
            time.sleep(0.01)
        state.done = [*state.get("done", []), os.getpid()]
    note = st.text_input("Note")
    if note and note not in state.get("notes", []):
        state.notes = [*state.get("notes", []), note]
    shown = {name: state.get(name, 0) for name in ("n", "works", "done", "notes")}
    st.text(json.dumps({**shown, "note": note}))
finally:
    # Written here and not in a function: a run that is given up ends at the head of the next function.
    os.write(log, f"end {st.session_id()} {os.getpid()}\n".encode())
    os.close(log)
