"""Acts on many sessions are asked first and audited; what a session holds is never seen by who may not."""

import html
import re
from dataclasses import dataclass
from datetime import timedelta

import pytest
from asgiref.sync import sync_to_async
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone

from scriptapps.models import AuditRecord, RunRecord, ScriptApp, ScriptSession, SessionRequest
from scriptapps.runtime.script_output import install_script_output
from scriptapps.sweep import sweep
from tests.live import Site, Viewer

LIST = "/admin/scriptapps/scriptsession/"
PAGE = """# access: signed-in
import logging
from scriptapps import st
st.session_state.setdefault("basket", {"items": ["pear-canary"], "api_key": "nested-canary"})
st.session_state.setdefault("my_password", "state-canary")
st.session_state.setdefault("card", st.secret("marked-canary"))
st.text_input("Name", "name-canary", key="name")
st.text_input("Token", "token-canary", key="the_token")
st.text_input("Card", st.session_state.card, key="shown_card")
print("printed-canary", st.session_state.card, st.session_state.my_password, "token-canary")
logging.getLogger("shop").warning("logged-canary %s", st.session_state.card)
if st.button("Fail"):
    raise ValueError(f"raised-canary {st.session_state.card}")
st.text(f"name={st.session_state.name} n={st.session_state.get('n', 0)}")
"""
VALUES = {"pear-canary", "name-canary", "printed-canary", "logged-canary", "raised-canary"}
NEVER = {"nested-canary", "state-canary", "token-canary", "marked-canary"}


@pytest.fixture
def root(superuser) -> Client:
    client = Client()
    client.force_login(superuser)
    return client


def ask(client: Client, kind: str, sessions: list[ScriptSession], **more: str):
    data = {"action": kind, "_selected_action": [str(session.pk) for session in sessions], **more}
    return client.post(LIST, data, follow=True)


@pytest.mark.django_db
@pytest.mark.parametrize("kind", ["rerun", "stop", "close"])
def test_an_act_on_many_says_first_how_many_people_it_concerns(root, superuser, kind):
    row = ScriptApp.objects.create(slug="orders", title="Orders")
    people = [User.objects.create_user(f"u{number}") for number in range(2)]
    sessions = [ScriptSession.objects.create(script_app=row, user=person, node="w", viewers=1) for person in people * 2]
    sessions += [ScriptSession.objects.create(script_app=row, node="v", binding="b") for _ in range(2)]
    content = read(ask(root, kind, sessions))
    assert "Sessions 6 4 are being looked at" in content
    assert "People 3 2 users, 1 visitor not signed in" in content
    assert "Server processes 2 v, w" in content
    assert ask(root, kind, sessions).content.decode().count('name="_selected_action"') == 6
    assert not AuditRecord.objects.exists()
    assert not any(session.requests.exists() for session in sessions)
    ask(root, kind, sessions, confirmed="yes")
    assert all([request.kind for request in session.requests.all()] == [kind] for session in sessions)
    [record] = AuditRecord.objects.all()
    assert (record.act, record.actor, record.via, record.count) == (kind, superuser, "admin", 6)
    assert record.detail == "6 sessions of 3 people (2 users, 1 not signed in) on 2 server processes"
    assert record.outcome == "asked"
    assert LogEntry.objects.filter(user=superuser).count() == 6


@pytest.mark.django_db
def test_all_of_a_list_are_meant_without_naming_each(root):
    row = ScriptApp.objects.create(slug="orders")
    sessions = [ScriptSession.objects.create(script_app=row, node="w", binding="b") for _ in range(3)]
    response = ask(root, "rerun", sessions[:1], select_across="1")
    assert "Sessions 3 0 are being looked at People 1" in read(response)
    content = response.content.decode()
    assert 'name="select_across" value="1"' in content
    assert content.count('name="_selected_action"') == 1
    ask(root, "rerun", sessions[:1], select_across="1", confirmed="yes")
    assert all(session.requests.count() == 1 for session in sessions)


@pytest.mark.django_db
def test_who_left_the_list_between_choice_and_act_is_said(root):
    row = ScriptApp.objects.create(slug="orders")
    sessions = [ScriptSession.objects.create(script_app=row, node="w", binding="b") for _ in range(3)]
    ScriptSession.objects.filter(pk=sessions[0].pk).update(state="closed")
    assert "1 selected session is left out" in read(ask(root, "rerun", sessions))
    ScriptSession.objects.filter(pk=sessions[1].pk).update(state="closed")
    text = read(ask(root, "rerun", sessions, confirmed="yes"))
    assert "1 session was asked to rerun." in text
    assert "2 sessions are not live any more." in text
    ScriptSession.objects.update(state="closed")
    assert "None of the selected sessions can do that" in read(ask(root, "rerun", sessions))
    assert "3 sessions are not live any more." in read(ask(root, "rerun", sessions, confirmed="yes"))


def read(response) -> str:
    """What a page says, without markup."""
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).replace(" , ", ", ").split()).replace(" ,", ",")


@dataclass
class Staff:
    """Somebody of the site's staff with these permissions."""

    client: Client
    session_id: str

    async def get(self, name: str = "inspect", address: str = "") -> str:
        response = await sync_to_async(self.client.get)(address or f"{LIST}{self.session_id}/{name}/")
        return html.unescape(response.content.decode()) if response.status_code == 200 else str(response.status_code)

    async def patch(self, where: str, key: str, value: str) -> str:
        data = {"where": where, "key": key, "value": value}
        send = sync_to_async(self.client.post)
        response = await send(f"{LIST}{self.session_id}/patch/", data, follow=True)
        return html.unescape(response.content.decode()) if response.status_code == 200 else str(response.status_code)


@sync_to_async
def staff_with(session_id: str, *codenames: str) -> Staff:
    user = User.objects.create_user(f"staff-{'-'.join(codenames)}"[:150], is_staff=True)
    user.user_permissions.add(*Permission.objects.filter(codename__in=codenames))
    client = Client()
    client.force_login(user)
    return Staff(client, session_id)


@pytest.fixture
async def page(site: Site, alice: User):
    site.folder.write("page.py", PAGE)
    yield await (await site.browser(alice)).open()
    await site.leave()


def found_in(text: str, canaries: set[str]) -> set[str]:
    return {canary for canary in canaries if canary in text}


@sync_to_async
def audited(act: str) -> int:
    return AuditRecord.objects.filter(act=act).count()


@pytest.mark.django_db(transaction=True)
async def test_the_timeline_of_runs_needs_no_more_than_view(site: Site, page: Viewer):
    await page.click(page.widget("Fail"))
    await page.settled()
    viewer = await staff_with(page.session_id, "view_scriptsession")
    content = await viewer.get()
    assert re.search(r"widget: Fail</td>\s*<td[^>]*>[\d.]+ ms</td>\s*<td>failed<br>ValueError", content)
    assert "Viewers: 1" in content
    assert found_in(content, VALUES | NEVER) == set()
    assert not await SessionRequest.objects.aexists()
    assert await audited("view values") == 0
    assert await viewer.patch("state", "n", "1") == "403"


@pytest.mark.django_db(transaction=True)
async def test_values_are_for_who_may_see_them_and_each_look_is_audited(site: Site, page: Viewer):
    # pytest has put its own in place since the page was opened.
    install_script_output()
    await page.click(page.widget("Fail"))
    await page.settled()
    viewer = await staff_with(page.session_id, "view_scriptsession", "view_scriptsession_values", "view_runrecord")
    content = await viewer.get()
    assert found_in(content, VALUES) == VALUES
    assert found_in(content, NEVER) == set()
    assert "•••" in content
    assert "WARNING shop: logged-canary •••" in content
    assert "(hidden)" in content
    assert await audited("view values") == 1
    assert not await SessionRequest.objects.aexists()


@pytest.mark.django_db(transaction=True)
async def test_a_failed_run_leads_to_its_traceback_for_who_may_see_it(site: Site, page: Viewer):
    await page.click(page.widget("Fail"))
    await page.settled()
    await site.until(RunRecord.objects.exists)
    record = await RunRecord.objects.aget()
    link = f'<a href="/admin/scriptapps/runrecord/?q={record.reference}">'
    assert link not in await (await staff_with(page.session_id, "view_scriptsession")).get()
    viewer = await staff_with(page.session_id, "view_scriptsession", "view_runrecord")
    assert link in await viewer.get()
    response = await sync_to_async(viewer.client.get)(
        "/admin/scriptapps/runrecord/", {"q": record.reference}, follow=True
    )
    assert response.redirect_chain[-1][0].endswith(f"/runrecord/{record.pk}/change/")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("with_values", [False, True])
async def test_no_page_or_record_tells_what_is_hidden(site: Site, page: Viewer, with_values: bool):
    await page.click(page.widget("Fail"))
    await page.settled()
    await site.until_row(page, last_error__startswith="ValueError")
    await site.until(RunRecord.objects.exists)
    record = await RunRecord.objects.aget()
    rights = ["view_scriptsession", "view_runrecord", "view_errorgroup", "view_auditrecord"]
    viewer = await staff_with(page.session_id, *rights, *(["view_scriptsession_values"] if with_values else []))
    admin = "/admin/scriptapps/"
    pages = [await viewer.get(name) for name in ("inspect", "change")]
    for address in ("scriptsession/", "runrecord/", f"runrecord/{record.pk}/change/", "errorgroup/", "auditrecord/"):
        pages.append(await viewer.get(address=admin + address))
    assert not any(text.isdigit() for text in pages)
    shown = "".join(pages)
    assert found_in(shown, NEVER) == set()
    assert ("raised-canary" in shown) is with_values


@pytest.mark.django_db(transaction=True)
async def test_a_parked_session_shows_what_is_stored(site: Site, page: Viewer):
    await page.set_value(page.widget("Name"), "typed-canary")
    await page.settled()
    await sync_to_async(site.node.release)(site.session(page))
    await site.until_row(page, node="")
    content = await (await staff_with(page.session_id, "view_scriptsession", "view_scriptsession_values")).get()
    assert "No process answered" in content
    assert {"pear-canary", "typed-canary"} == found_in(content, {"pear-canary", "typed-canary"})
    assert found_in(content, NEVER) == set()
    content = await (await staff_with(page.session_id, "view_scriptsession")).get()
    assert found_in(content, VALUES | NEVER | {"typed-canary"}) == set()


@pytest.mark.django_db(transaction=True)
async def test_one_value_is_set_and_the_outcome_is_told(site: Site, page: Viewer):
    staff = await staff_with(page.session_id, "view_scriptsession", "patch_scriptsession")
    assert "completed" in await staff.patch("state", "n", "7")
    await page.until(lambda: page.texts() == ["name=name-canary n=7"])
    assert "completed" in await staff.patch("values", "name", '"Bob"')
    await page.until(lambda: page.texts() == ["name=Bob n=7"])
    assert "no widget with the key 'colour'" in await staff.patch("values", "colour", "1")
    assert "This is not JSON" in await staff.patch("state", "n", "seven")
    assert await audited("patch") == 3
    assert page.texts() == ["name=Bob n=7"]


@pytest.mark.django_db
def test_an_answer_that_nobody_took_away_does_not_stay():
    row = ScriptApp.objects.create(slug="orders")
    session = ScriptSession.objects.create(script_app=row, node="w")
    now = timezone.now()
    session.requests.create(kind="inspect", created=now - timedelta(minutes=2), payload={"answer": "{}"})
    new = session.requests.create(kind="inspect", created=now)
    sweep()
    assert list(session.requests.all()) == [new]
