# title: What this process holds
# access: signed-in
import ctypes
import gc
import json
import sys

from scriptapps import st
from scriptapps.models import ScriptSession
from tests.site.alive import counted, watch

watch()
if st.button("Send away"):
    ScriptSession.objects.filter(script_app__slug="page").exclude(state="closed").close("Thank you for coming.")
st.session_state.setdefault("count", 0)
if st.button("Count"):
    st.session_state.count += 1
    while gc.collect():
        pass
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        # What the allocator keeps for later is not what the process needs.
        trim(0)
    found = {"count": st.session_state.count, "objects": counted(), "blocks": sys.getallocatedblocks()}
    st.text(json.dumps(found))
