"""The whole path on each server, and what becomes of open pages when a server ends."""

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from scriptapps.protocol import schema
from tests.faults.servers import KINDS, Person, closed, shows

pytestmark = pytest.mark.faults


@pytest.mark.parametrize("kind", KINDS)
async def test_the_whole_path(servers, kind):
    server = servers(kind)
    alice, bob = await Person(server, "alice").sign_in(), await Person(server, "bob").sign_in()
    viewer, other = await alice.open(), await bob.open()
    assert viewer.texts() == ["runs=1 user=alice"]
    assert other.texts() == ["runs=1 user=bob"]
    await viewer.set_value(viewer.widget("Name"), "Ada")
    await viewer.settled()
    assert viewer.texts() == ["Ada runs=2 user=alice"]
    assert len(viewer.deltas) == 1
    # A reload goes on without a run.
    again = await alice.open(viewer.welcome.session_id)
    assert await closed(viewer) == 4009
    assert again.texts() == ["Ada runs=2 user=alice"]
    # An endless script is stopped, and the server still answers others.
    await again.click(again.widget("Spin"))
    await shows(again, "spinning")
    await other.set_value(other.widget("Name"), "Bob")
    await other.settled()
    await again.send(stop=schema.Stop())
    await again.settled()
    assert schema.Outcome.Name(again.finished[-1].outcome) == "STOPPED"
    await alice.post("/accounts/logout/")
    assert await closed(again) == 4401


@pytest.mark.parametrize("kind", KINDS)
async def test_a_foreign_page_gets_no_socket(servers, kind):
    server = servers(kind)
    alice = await Person(server, "alice").sign_in()
    attributes = alice.browser.page_attributes("/apps/page/")
    for changes, expected in (
        ({"origin": "http://evil.example"}, 403),
        ({"session": "00000000-0000-4000-8000-000000000000"}, 403),
    ):
        with pytest.raises(InvalidStatus) as refused:
            await alice.browser.connect(attributes, **changes)
        assert refused.value.response.status_code == expected
    with pytest.raises(InvalidStatus):
        await alice.browser.connect({**attributes, "token": "wrong"})


@pytest.mark.parametrize("kind", KINDS)
async def test_after_a_kill_the_page_comes_back_with_its_session(servers, kind):
    server = servers(kind)
    alice = await Person(server, "alice").sign_in()
    viewer = await alice.open()
    await viewer.set_value(viewer.widget("Name"), "Ada")
    await viewer.settled()
    server.kill()
    with pytest.raises(ConnectionClosed):
        await viewer.receive()
    server.start()
    again = await alice.open(viewer.welcome.session_id)
    assert again.welcome.session_id == viewer.welcome.session_id
    assert again.widget("Name").value == "Ada"
    await again.set_value(again.widget("Name"), "Grace")
    await again.settled()
    assert again.texts()[0].startswith("Grace ")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("work", ["Sleep", "Spin", "Hang"])
async def test_a_server_that_is_asked_to_end_ends_whatever_its_scripts_do(servers, kind, work):
    server = servers(kind)
    alice = await Person(server, "alice").sign_in()
    viewer = await alice.open()
    await viewer.click(viewer.widget(work))
    await shows(viewer, {"Sleep": "sleeping", "Spin": "spinning", "Hang": "hanging"}[work])
    server.terminate()
    assert await closed(viewer) in (4012, 1012, 1001)


async def test_after_a_restart_in_good_order_the_page_comes_back_with_its_session(servers):
    server = servers("uvicorn")
    alice = await Person(server, "alice").sign_in()
    viewer = await alice.open()
    await viewer.set_value(viewer.widget("Name"), "Ada")
    await viewer.settled()
    server.terminate()
    assert await closed(viewer) == 4012
    server.start()
    again = await alice.open(viewer.welcome.session_id)
    assert again.welcome.session_id == viewer.welcome.session_id
    assert again.widget("Name").value == "Ada"
