# title: What this process holds
# access: signed-in
import ctypes
import gc
import json
import sys
from collections import Counter

from scriptapps import st

KINDS = ("LiveSession", "Viewer", "Outbox", "ScriptConsumer", "PageTree", "StateJournal", "RunContext", "RunGuard")

st.session_state.setdefault("count", 0)
if st.button("Count"):
    st.session_state.count += 1
    while gc.collect():
        pass
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        # What the allocator keeps for later is not what the process needs.
        trim(0)
    found = Counter(type(item).__name__ for item in gc.get_objects())
    objects = {kind: found[kind] for kind in KINDS}
    del found
    st.text(json.dumps({"count": st.session_state.count, "objects": objects, "blocks": sys.getallocatedblocks()}))
