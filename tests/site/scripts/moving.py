# title: Moving
# access: public
import json
import os
import time

from django.db import connection

from scriptapps import st
from tests.site.faults import waits

state = st.session_state


def write_down(sql, *parameters):
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchone() if sql.endswith("id") else None


with_log = connection.vendor == "postgresql"
if with_log:
    # By the database's clock, and past whatever becomes of the run.
    [row] = write_down(
        "INSERT INTO run_log (session, node, began) VALUES (%s, %s, clock_timestamp()) RETURNING id",
        st.session_id(),
        str(os.getpid()),
    )
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
    if with_log:
        write_down("UPDATE run_log SET ended = clock_timestamp() WHERE id = %s", row)
