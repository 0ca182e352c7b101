"""The HTTP API with a real session behind it: what is asked arrives, once, and is answered truly."""

import json
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import Permission, User
from django.test import Client

from scriptapps.models import ApiToken
from scriptapps.permissions import ACT_PERMISSIONS
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
def api(secret: str):
    """Asks with that token; returns status and document."""

    @sync_to_async
    def ask(method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {secret}", **headers}
        data = b"" if body is None else json.dumps(body).encode()
        answer = Client(enforce_csrf_checks=True).generic(
            method, f"/apps/api/{path}", data, "application/json", headers=headers
        )
        return answer.status_code, answer.json()

    return ask


def shows(viewer: Viewer, text: str):
    return lambda: viewer.texts()[-1:] == [text]


async def test_a_rerun_with_values_reaches_the_page_and_says_how_it_ended(viewer: Viewer, api):
    body = {"sessions": {"user": "alice"}, "values": {"region": "US"}, "wait": True, "timeout": 20}
    status, report = await api("POST", "sessions/rerun", body)
    assert (status, report["asked"], report["waiting"]) == (200, 1, [])
    assert report["outcomes"] == {viewer.session_id: "completed"}
    await viewer.until(shows(viewer, "US None None"))
    [request] = report["requests"]
    status, document = await api("GET", f"requests/{request['id']}")
    assert status == 200
    assert document["outcome"] == "completed"
    assert document["by"] == "operator, token everything"
