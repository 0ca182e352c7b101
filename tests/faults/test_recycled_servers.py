"""A server whose runs cannot be stopped leaves with its own exit code, and its sessions go on elsewhere."""

from pathlib import Path

import pytest

from scriptapps.recycling import EXIT_CODE
from tests.faults.conftest import environment
from tests.faults.servers import ENDS_WITHIN, Person, Server, closed, prepare

pytestmark = pytest.mark.faults

SETTINGS = """
from tests.faults.site_settings import *

SCRIPTAPPS = {
    **SCRIPTAPPS,
    "DIRS": [__file__.rpartition("/")[0] + "/scripts"],
    "RECYCLE": True,
    "STALL_SECONDS": 1,
    "MAX_ABANDONED": 1,
    "SCRIPT_STOP_GRACE": 0.1,
}
"""
SCRIPT = """
# deadline: 0.3
import threading
from scriptapps import st

st.session_state.setdefault("count", 0)
if st.button("Add"):
    st.session_state.count += 1
st.text(f"count {st.session_state.count}")
if st.button("Hang"):
    # Nothing reaches a thread that waits in C for what never comes.
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()
"""


@pytest.fixture
def site(tmp_path: Path) -> dict[str, str]:
    """The environment of a site that recycles its servers."""
    (tmp_path / "recycling_settings.py").write_text(SETTINGS)
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "page.py").write_text(SCRIPT.lstrip())
    fields = environment(SQLITE_PATH=str(tmp_path / "db.sqlite3"), DJANGO_SETTINGS_MODULE="recycling_settings")
    fields["PYTHONPATH"] = f"{tmp_path}:{fields['PYTHONPATH']}"
    prepare(fields)
    return fields


@pytest.mark.parametrize("kind", ["uvicorn", "daphne"])
async def test_a_server_that_cannot_go_on_leaves_and_its_sessions_stay(kind, site, tmp_path):
    server, other = Server(kind, site, tmp_path), Server("uvicorn", site, tmp_path)
    try:
        server.start()
        alice = await Person(server, "alice").sign_in()
        viewer = await alice.open("")
        await viewer.click(viewer.widget("Add"))
        await viewer.settled()
        for _ in range(2):
            hanging = await alice.open("")
            await hanging.click(hanging.widget("Hang"))
        assert await closed(viewer) == 4012
        assert server.process is not None
        assert server.process.wait(ENDS_WITHIN) == EXIT_CODE, server.text()
        assert "takes no new sessions: abandoned: 2 runs could not be stopped" in server.text()
        other.start()
        again = await alice.goes_to(other).open(viewer.welcome.session_id)
        assert "count 1" in again.texts()
    finally:
        server.end()
        other.end()
