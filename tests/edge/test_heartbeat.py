"""The heartbeat: who is silent is asked for a sign, and who gives none is gone."""

import pytest
from django.contrib.auth.models import User

from scriptapps.protocol import schema
from tests.live import Site, SocketClosed, Viewer

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
async def viewer(site: Site, alice: User, settings):
    settings.SCRIPTAPPS = {**settings.SCRIPTAPPS, "HEARTBEAT_SECONDS": 1}
    yield await (await site.browser(alice)).open()
    await site.leave()


async def test_a_page_whose_timers_sleep_stays_as_long_as_it_answers(viewer: Viewer):
    """Browsers wake the timers of a tab in the background once a minute; messages they hand over at once."""
    signs = 0
    while signs < 4:
        data = await viewer.socket.recv()
        message = schema.ServerMessage.FromString(data)
        if message.batch:
            assert not message.deltas
            signs += 1
            await viewer.socket.send(schema.ClientMessage(ack=schema.Ack(batch=message.batch)).SerializeToString())


async def test_a_page_that_gives_no_sign_is_asked_once_and_gone(viewer: Viewer):
    asked = code = 0
    while not code:
        try:
            asked += bool(schema.ServerMessage.FromString(await viewer.socket.recv()).batch)
        except SocketClosed as closed:
            code = closed.code
    assert (asked, code) == (1, 4013)
