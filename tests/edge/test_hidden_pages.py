"""Pages that nobody looks at: a plain rerun waits until somebody does; values, state and events do not."""

import pytest
from django.contrib.auth.models import User

from scriptapps.events import asend_event
from scriptapps.models import ScriptSession
from scriptapps.protocol import schema
from scriptapps.protocol.codec import PROTOCOL_VERSION
from tests.live import Browser, Site, Viewer

pytestmark = pytest.mark.django_db(transaction=True)

SCRIPT = """# access: signed-in
from scriptapps import st
runs = st.session_state.runs = st.session_state.get("runs", 0) + 1
region = st.selectbox("Region", ["US", "EU"], key="region")
heard = len(st.on_event("news"))
st.text(f"runs={runs} {region} {st.session_state.get('order')} heard={heard}")

@st.fragment
def clock():
    ticks = st.session_state.ticks = st.session_state.get("ticks", 0) + 1
    st.caption(f"ticks={ticks}")

clock()
"""


@pytest.fixture
async def browser(site: Site, alice: User):
    site.folder.write("page.py", SCRIPT)
    yield await site.browser(alice)
    await site.leave()


@pytest.fixture
async def hidden(site: Site, browser: Browser) -> Viewer:
    """A page in a tab that went to the background."""
    viewer = await browser.open()
    await hide(site, viewer)
    return viewer


async def hide(site: Site, viewer: Viewer, *, hidden: bool = True) -> None:
    await viewer.send(visibility=schema.Visibility(hidden=hidden))
    if hidden:
        await site.until(lambda: all(each.hidden for each in site.session(viewer).viewers))


async def come_back(browser: Browser, session_id: str, *, hidden: bool) -> Viewer:
    """The tab opens its socket again, in the background or not."""
    attributes = await browser.page()
    viewer = Viewer(await browser.knock(token=attributes["token"], session=session_id))
    attach = schema.Attach(protocol_version=PROTOCOL_VERSION, client_id=viewer.client_id, hidden=hidden)
    await viewer.send(attach=attach)
    await viewer.until(lambda: viewer.welcome is not None and viewer.roots)
    return viewer


def rows(viewer: Viewer):
    return ScriptSession.objects.filter(pk=viewer.session_id)


async def ask(viewer: Viewer, **given) -> str:
    report = await rows(viewer).arerun(wait=True, timeout=20, **given)
    assert not report.waiting
    return report.outcomes[viewer.session_id]


async def test_a_plain_rerun_waits_until_the_page_is_shown_and_is_one_run(site: Site, hidden: Viewer):
    for _ in range(3):
        assert await ask(hidden) == "deferred"
    assert site.session(hidden).runs == 1
    await hide(site, hidden, hidden=False)
    await hidden.until(lambda: hidden.texts()[0] == "runs=2 US None heard=0")
    await hidden.settled()
    # What was put off is done: this one is the third.
    assert await ask(hidden) == "completed"
    await hidden.until(lambda: hidden.texts()[0] == "runs=3 US None heard=0")


async def test_values_state_and_events_do_not_wait(site: Site, hidden: Viewer):
    assert await ask(hidden, values={"region": "EU"}) == "completed"
    await hidden.until(lambda: hidden.texts()[0] == "runs=2 EU None heard=0")
    assert await ask(hidden, state={"order": 7}) == "completed"
    await hidden.until(lambda: hidden.texts()[0] == "runs=3 EU 7 heard=0")
    await site.until_row(hidden, listens_to=["news"])
    report = await asend_event("news", wait=True, timeout=20)
    assert report.outcomes == {hidden.session_id: "completed"}
    await hidden.until(lambda: hidden.texts()[0] == "runs=4 EU 7 heard=1")


async def test_a_fragment_that_was_put_off_is_run_alone(site: Site, hidden: Viewer):
    assert await ask(hidden, fragment="clock") == "deferred"
    await hide(site, hidden, hidden=False)
    await site.until(lambda: site.session(hidden).runs == 2)
    await hidden.until(lambda: hidden.texts() == ["runs=1 US None heard=0", "ticks=2"])


async def test_one_tab_in_sight_is_enough(site: Site, browser: Browser):
    site.folder.write("page.py", SCRIPT.replace("# access", "# scope: user\n# access"))
    shown, other = await browser.open(), await browser.open()
    assert shown.session_id == other.session_id
    await other.send(visibility=schema.Visibility(hidden=True))
    await site.until(lambda: sorted(each.hidden for each in site.session(shown).viewers) == [False, True])
    assert await ask(shown) == "completed"


async def test_a_page_whose_tab_is_away_runs_when_it_is_back_and_in_sight(site: Site, browser: Browser):
    viewer = await browser.open()
    await viewer.leave()
    await site.until(lambda: not site.session(viewer).viewers)
    assert await ask(viewer) == "deferred"
    # In the background it is as little seen as before.
    back = await come_back(browser, viewer.session_id, hidden=True)
    assert back.session_id == viewer.session_id
    assert back.texts()[0] == "runs=1 US None heard=0"
    assert await ask(viewer) == "deferred"
    assert site.session(viewer).runs == 1
    await hide(site, back, hidden=False)
    await back.until(lambda: back.texts()[0] == "runs=2 US None heard=0")
    await site.until(lambda: site.session(viewer).runs == 2)
