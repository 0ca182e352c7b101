"""Two server processes on PostgreSQL and Redis: what happens in one reaches sessions that live in the other."""

import asyncio

import pytest

from tests.faults.servers import Person, closed, shows, until

pytestmark = [pytest.mark.faults, pytest.mark.postgres, pytest.mark.redis]

RERUN = """
from scriptapps.models import ScriptSession
print(int(ScriptSession.objects.live().filter(user__username="alice").{act}()))
"""


@pytest.fixture
def pair(cluster):
    return cluster("uvicorn"), cluster("daphne")


async def test_a_shell_beside_the_servers_reruns_stops_and_closes(pair):
    server, other = pair
    viewer = await (await Person(server, "alice").sign_in()).open()
    assert other.run(RERUN.format(act="rerun")) == "1"
    await shows(viewer, "runs=2 user=alice")
    await viewer.click(viewer.widget("Spin"))
    await shows(viewer, "spinning")
    assert other.run(RERUN.format(act="stop")) == "1"
    await viewer.settled()
    assert other.run(RERUN.format(act="close")) == "1"
    assert await closed(viewer) == 4001


async def test_the_admin_of_one_process_reruns_a_session_of_the_other(pair):
    server, other = pair
    viewer = await (await Person(server, "alice").sign_in()).open()
    admin = await Person(other, "admin").sign_in()
    await admin.post(
        "/admin/scriptapps/scriptsession/",
        action="rerun",
        confirmed="yes",
        _selected_action=viewer.welcome.session_id,
    )
    await shows(viewer, "runs=2 user=alice")


async def test_the_admin_of_one_process_looks_into_a_session_of_the_other(pair):
    server, other = pair
    viewer = await (await Person(server, "alice").sign_in()).open()
    admin = await Person(other, "admin").sign_in()
    address = f"/admin/scriptapps/scriptsession/{viewer.welcome.session_id}/inspect/"
    page = await asyncio.to_thread(lambda: admin.browser.get(address))
    assert "Viewers: 1" in page
    assert "opened" in page


async def test_signing_out_at_one_process_closes_the_sockets_at_the_other(pair):
    server, other = pair
    alice = await Person(server, "alice").sign_in()
    viewer = await alice.open()
    await alice.goes_to(other).post("/accounts/logout/")
    assert await closed(viewer) in (4401, 4002)


async def test_a_page_of_a_killed_process_goes_on_at_the_other(pair):
    server, other = pair
    alice = await Person(server, "alice").sign_in()
    viewer = await alice.open()
    await viewer.set_value(viewer.widget("Name"), "Ada")
    await viewer.settled()
    server.kill()
    alice.goes_to(other)
    again = await alice.open(viewer.welcome.session_id)
    assert again.welcome.session_id == viewer.welcome.session_id
    assert again.widget("Name").value == "Ada"


async def test_a_page_that_moves_while_its_process_lives_goes_on(pair):
    server, other = pair
    alice = await Person(server, "alice").sign_in()
    viewer = await alice.open()
    await viewer.set_value(viewer.widget("Name"), "Ada")
    await viewer.settled()
    again = await alice.goes_to(other).open(viewer.welcome.session_id)
    assert again.widget("Name").value == "Ada"
    assert await closed(viewer) == 4002
    node = "from scriptapps.models import ScriptSession\nprint(ScriptSession.objects.get().node)"
    await until(lambda: str(other.process.pid) in other.run(node))
