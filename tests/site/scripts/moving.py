# title: Moving
# access: public
import json
import os
import time

from django.db import connection

from scriptapps import st
from tests.site.faults import waits

state = st.session_state


with_log = connection.vendor == "postgresql"
if with_log:
    # By the database's clock, and past whatever becomes of the run.
    begins = "INSERT INTO run_log (session, node, began) VALUES (%s, %s, clock_timestamp()) RETURNING id"
    name = st.session_id()
    with connection.cursor() as cursor:
        cursor.execute(begins, [name, str(os.getpid())])
        [row] = cursor.fetchone()
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
    if with_log:
        with connection.cursor() as cursor:
            cursor.execute("UPDATE run_log SET ended = clock_timestamp() WHERE id = %s", [row])
