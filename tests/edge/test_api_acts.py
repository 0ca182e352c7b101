"""The HTTP API with a real session behind it: what is asked arrives, once, and is answered truly."""

import asyncio
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.core.cache import cache
from django.db import connections
from django.test import Client

from scriptapps.models import ApiAnswer, ApiToken, AuditRecord, ScriptSession, SessionRequest
from scriptapps.permissions import ACT_PERMISSIONS
from scriptapps.runtime.redaction import HIDDEN
from tests.live import Browser, Site, Viewer

pytestmark = pytest.mark.django_db(transaction=True)

SCRIPT = """# access: signed-in
from scriptapps import st
region = st.selectbox("Region", ["EU", "US"], key="region")
for payload in st.on_event("ping"):
    st.session_state.heard = payload
since = st.session_state.get("since")
st.text(f"{region} {since!r} {st.session_state.get('heard')}")
"""


@pytest.fixture(autouse=True)
def nobody_has_asked_yet() -> None:
    """Other tests had users and tokens of the same numbers."""
    cache.clear()


@pytest.fixture
async def browser(site: Site, alice: User):
    site.folder.write("page.py", SCRIPT)
    yield await site.browser(alice)
    await site.leave()


@pytest.fixture
async def viewer(browser: Browser):
    return await browser.open()


@pytest.fixture
def operator(db: None) -> User:
    """Somebody with every right on sessions."""
    person = User.objects.create_user("operator")
    names = set(ACT_PERMISSIONS.values())
    person.user_permissions.set(Permission.objects.filter(content_type__app_label="scriptapps", codename__in=names))
    return person


@pytest.fixture
def secret(operator: User) -> str:
    """The text of a token for everything."""
    token = ApiToken(name="everything", user=operator, scopes=list(ACT_PERMISSIONS), every_script_app=True)
    text = token.make_secret()
    token.save()
    return text


@pytest.fixture
def ask(secret: str):
    """Asks with that token; returns status and document."""

    def ask(method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {secret}", **headers}
        data = b"" if body is None else json.dumps(body).encode()
        answer = Client(enforce_csrf_checks=True).generic(
            method, f"/apps/api/{path}", data, "application/json", headers=headers
        )
        return answer.status_code, answer.json()

    return ask


@pytest.fixture
def api(ask):
    """The same for async code."""
    return sync_to_async(ask, thread_sensitive=False)


def shows(viewer: Viewer, text: str):
    return lambda: viewer.texts()[-1:] == [text]


def mine(viewer: Viewer) -> dict[str, Any]:
    return {"sessions": {"ids": [viewer.session_id]}}


async def test_a_rerun_with_values_reaches_the_page_and_says_how_it_ended(viewer: Viewer, api):
    body = {"sessions": {"user": "alice"}, "values": {"region": "US"}, "wait": True, "timeout": 20}
    status, report = await api("POST", "sessions/rerun", body)
    assert status == 200, report
    assert (report["asked"], report["waiting"]) == (1, [])
    assert report["outcomes"] == {viewer.session_id: "completed"}
    await viewer.until(shows(viewer, "US None None"))
    [request] = report["requests"]
    status, document = await api("GET", f"requests/{request['id']}")
    assert status == 200
    assert document["outcome"] == "completed"
    assert document["by"] == "operator, token everything"


async def test_state_arrives_in_its_types_with_or_without_a_run(viewer: Viewer, api):
    given = {"since": {"$type": "date", "v": "2026-11-25"}}
    status, report = await api("POST", "sessions/state", mine(viewer) | {"state": given, "rerun": False})
    assert (status, report["asked"]) == (202, 1)
    assert viewer.texts() == ["EU None None"]
    await api("POST", "sessions/rerun", mine(viewer) | {"wait": True})
    await viewer.until(shows(viewer, "EU datetime.date(2026, 11, 25) None"))


async def test_a_value_that_does_not_fit_is_refused_with_the_reason(viewer: Viewer, api):
    status, report = await api("POST", "sessions/rerun", mine(viewer) | {"values": {"region": "Moon"}, "wait": True})
    assert (status, report["outcomes"]) == (200, {viewer.session_id: "refused"})
    assert "region" in report["errors"][viewer.session_id]


async def test_an_event_is_heard(viewer: Viewer, api):
    body = {"sessions": {"script_app": "page"}, "name": "ping", "payload": {"rows": 3}, "wait": True}
    status, report = await api("POST", "events", body)
    assert (status, list(report["outcomes"].values())) == (200, ["completed"])
    await viewer.until(shows(viewer, "EU None {'rows': 3}"))


async def test_notices_come_without_a_run(viewer: Viewer, api):
    status, report = await api("POST", "sessions/notify", mine(viewer) | {"text": "Hello", "wait": True})
    assert (status, list(report["outcomes"].values())) == (200, ["completed"])


async def test_closing_ends_the_session(viewer: Viewer, api):
    status, report = await api("POST", "sessions/close", mine(viewer) | {"message": "Until tomorrow", "wait": True})
    assert (status, list(report["outcomes"].values())) == (200, ["completed"])
    assert await viewer.socket.closed() == 4001
    assert (await api("GET", f"sessions/{viewer.session_id}"))[1]["liveness"] == "closed"


async def test_what_a_session_holds_is_shown_and_the_look_is_on_record(site: Site, viewer: Viewer, api):
    given = {"values": {"region": "US"}, "state": {"since": "a canary"}}
    await api("POST", "sessions/rerun", mine(viewer) | given | {"wait": True})
    status, held = await api("GET", f"sessions/{viewer.session_id}/values")
    assert status == 200
    assert held["state"]["since"] == "a canary"
    assert held["values"] == {"region": "US"}
    await api("POST", "sessions/state", mine(viewer) | {"state": {"keep": [{"api_key": "k-1", "n": 1}]}, "wait": True})
    held = (await api("GET", f"sessions/{viewer.session_id}/values"))[1]
    assert held["state"]["keep"] == [{"api_key": HIDDEN, "n": 1}]

    def audited() -> list[tuple]:
        fields = ("act", "actor_name", "via", "script_app", "count", "outcome")
        return list(AuditRecord.objects.order_by("pk").values_list(*fields))

    assert await sync_to_async(audited)() == [
        ("rerun", "operator", "API", "page", 1, "asked"),
        ("view values", "operator", "API", "page", 1, "done"),
        ("patch", "operator", "API", "page", 1, "asked"),
        ("view values", "operator", "API", "page", 1, "done"),
    ]
    token = await ApiToken.objects.aget()
    way = f"[API, {token.name} ({token.prefix})]"
    assert await sync_to_async(log_of)(viewer.session_id) == [
        ("operator", f"Asked to rerun. {way}"),
        ("operator", f"Looked at what it holds. {way}"),
        ("operator", f"Asked to set a value. {way}"),
        ("operator", f"Looked at what it holds. {way}"),
    ]
    rows = [str(row) async for row in AuditRecord.objects.order_by("pk").values()]
    assert "canary" not in "".join(rows)
    assert "assigns region, since" in rows[0]
    status, listed = await api("GET", "sessions?user=alice")
    assert "canary" not in json.dumps(listed)
    assert [row["id"] for row in listed["sessions"]] == [viewer.session_id]


def log_of(session_id: str) -> list[tuple[str, str]]:
    """What the admin's history of a session says."""
    entries = LogEntry.objects.filter(object_id=session_id).order_by("pk")
    return [(entry.user.get_username(), entry.get_change_message()) for entry in entries]


async def test_waiting_works_on_a_site_whose_requests_are_transactions(viewer: Viewer, api, monkeypatch):
    monkeypatch.setitem(connections.settings["default"], "ATOMIC_REQUESTS", True)
    status, report = await api("POST", "sessions/rerun", mine(viewer) | {"wait": True})
    assert (status, report["waiting"]) == (200, [])


# -- once ----------------------------------------------------------------------------------------------------------


async def test_the_same_key_is_carried_out_once(viewer: Viewer, api):
    body = mine(viewer) | {"values": {"region": "US"}, "wait": True}
    first = await api("POST", "sessions/rerun", body, **{"Idempotency-Key": "one"})
    again = await api("POST", "sessions/rerun", dict(reversed(body.items())), **{"Idempotency-Key": "one"})
    assert first == again
    assert first[1]["outcomes"] == {viewer.session_id: "completed"}
    assert await SessionRequest.objects.acount() == await AuditRecord.objects.acount() == 1
    status, problem = await api("POST", "sessions/rerun", body | {"wait": False}, **{"Idempotency-Key": "one"})
    assert (status, problem["title"]) == (422, "Unprocessable Entity")
    assert (await api("POST", "sessions/rerun", body, **{"Idempotency-Key": "two"}))[0] == 200
    assert await SessionRequest.objects.acount() == 2


async def test_two_at_once_with_one_key_are_one(viewer: Viewer, ask):
    body = mine(viewer) | {"wait": True}

    def both() -> list[Any]:
        barrier = threading.Barrier(2)

        def one() -> Any:
            barrier.wait()
            try:
                return ask("POST", "sessions/rerun", body, **{"Idempotency-Key": "one"})
            finally:
                connections.close_all()

        with ThreadPoolExecutor(2) as pool:
            return [answer.result() for answer in [pool.submit(one), pool.submit(one)]]

    first, second = await asyncio.to_thread(both)
    assert first == second
    assert first[0] == 200
    assert await SessionRequest.objects.acount() == await AuditRecord.objects.acount() == 1


async def test_an_act_that_was_recorded_before_its_process_died_is_not_repeated(viewer: Viewer, api):
    body = mine(viewer) | {"wait": True}
    first = await api("POST", "sessions/rerun", body, **{"Idempotency-Key": "one"})
    # As if the process had ended while it waited: the answer was never given.
    await ApiAnswer.objects.aupdate(answer={})
    assert await api("POST", "sessions/rerun", body, **{"Idempotency-Key": "one"}) == first
    assert await SessionRequest.objects.acount() == 1


async def test_what_was_refused_leaves_the_key_free(viewer: Viewer, api, settings):
    settings.SCRIPTAPPS = {**settings.SCRIPTAPPS, "STATE_VALUE_BYTES": 100}
    body = mine(viewer) | {"state": {"text": "x" * 200}}
    status, problem = await api("POST", "sessions/state", body, **{"Idempotency-Key": "one"})
    assert status == 400
    assert "STATE_VALUE_BYTES" in problem["detail"]
    assert not await ApiAnswer.objects.aexists()
    assert not await AuditRecord.objects.aexists()
    assert (await ScriptSession.objects.aget()).state != "closed"
