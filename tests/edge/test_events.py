"""Events of the site, and the pages that listen for them."""

import datetime

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore
from django.db import transaction
from django.test import RequestFactory

import scriptapps
from scriptapps.errors import SteeringError
from scriptapps.models import ScriptSession
from tests.live import Browser, Site, Viewer

pytestmark = pytest.mark.django_db(transaction=True)

LISTENING = """# access: signed-in
from scriptapps import st
st.session_state.runs = st.session_state.get("runs", 0) + 1

@st.fragment
def part():
    st.session_state.parts = st.session_state.get("parts", 0) + 1
    for payload in st.on_event("part"):
        st.session_state.heard = st.session_state.get("heard", []) + [payload]
    st.text(f"parts={st.session_state.parts} heard={st.session_state.get('heard', [])}")

part()
for payload in st.on_event("order"):
    st.session_state.orders = st.session_state.get("orders", []) + [payload]
st.text(f"runs={st.session_state.runs} orders={st.session_state.get('orders', [])}")
"""


@pytest.fixture
async def page(site: Site, alice: User):
    site.folder.write("page.py", LISTENING)
    browser = await site.browser(alice)
    viewer = await browser.open()
    await viewer.until(lambda: viewer.texts() == ["parts=1 heard=[]", "runs=1 orders=[]"])
    yield viewer
    await site.leave()


async def test_an_event_runs_the_script_that_listens_with_its_payload(page: Viewer):
    report = await scriptapps.asend_event("order", {"number": 7}, wait=True)
    assert list(report.outcomes.values()) == ["completed"]
    await page.until(lambda: page.texts()[1] == "runs=2 orders=[{'number': 7}]")


async def test_each_of_many_events_is_heard_once(page: Viewer):
    for number in range(40):
        await scriptapps.asend_event("order", number)
    await page.until(lambda: page.texts()[1].endswith(f"orders={list(range(40))}"))


async def test_an_event_for_a_fragment_runs_that_only(page: Viewer):
    await scriptapps.asend_event("part", "a")
    await page.until(lambda: page.texts() == ["parts=2 heard=['a']", "runs=1 orders=[]"])


async def test_payloads_keep_their_types(page: Viewer):
    await scriptapps.asend_event("order", datetime.date(2026, 11, 25))
    await page.until(lambda: "datetime.date(2026, 11, 25)" in page.texts()[1])


async def test_nobody_listens(page: Viewer):
    report = await scriptapps.asend_event("something else", wait=True)
    assert set(report.outcomes.values()) <= {"unheard"}
    assert page.texts()[1] == "runs=1 orders=[]"


@pytest.fixture
def bob(transactional_db: None) -> User:
    return User.objects.create_user("bob")


async def test_an_event_is_for_whom_it_is_sent_to(site: Site, page: Viewer, bob: User, alice: User):
    other = await (await site.browser(bob)).open()
    await other.until(lambda: other.texts()[1] == "runs=1 orders=[]")
    report = await scriptapps.asend_event("order", 1, to=bob, wait=True)
    assert list(report.outcomes) == [other.session_id]
    report = await scriptapps.asend_event("order", 2, to=User.objects.filter(pk=alice.pk), wait=True)
    assert list(report.outcomes) == [page.session_id]
    chosen = ScriptSession.objects.filter(pk=page.session_id)
    report = await scriptapps.asend_event("order", 3, to=chosen, wait=True)
    assert list(report.outcomes) == [page.session_id]
    await other.until(lambda: other.texts()[1].endswith("orders=[1]"))
    await page.until(lambda: page.texts()[1].endswith("orders=[2, 3]"))


async def test_an_event_counts_when_its_transaction_does(page: Viewer):
    def rolled_back() -> None:
        try:
            with transaction.atomic():
                scriptapps.send_event("order", "never")
                raise ValueError
        except ValueError:
            return

    await sync_to_async(rolled_back)()
    await scriptapps.asend_event("order", "now")
    await page.until(lambda: page.texts()[1] == "runs=2 orders=['now']")


async def test_a_payload_that_cannot_travel(page: Viewer):
    with pytest.raises(SteeringError, match="payload of the event 'order'"):
        await scriptapps.asend_event("order", object())


async def test_a_request_finds_the_sessions_of_its_sender(site: Site, alice: User, bob: User):
    site.folder.write("page.py", LISTENING)
    hers, his = await site.browser(alice), await site.browser(bob)
    her_page, his_page = await hers.open(), await his.open()

    def found(browser: Browser, user: User) -> list[str]:
        request = RequestFactory().get("/")
        request.session, request.user = browser.client.session, user
        return [str(row.pk) for row in scriptapps.sessions_of(request)]

    assert await sync_to_async(found)(hers, alice) == [her_page.session_id]
    assert await sync_to_async(found)(his, bob) == [his_page.session_id]
    # Somebody else at the same browser gets nothing of it.
    assert await sync_to_async(found)(hers, bob) == []
    await site.leave()


async def test_a_visitor_without_a_cookie_has_no_sessions():
    anonymous = RequestFactory().get("/")
    anonymous.session = SessionStore()
    assert not await sync_to_async(scriptapps.sessions_of(anonymous).exists)()
