"""What a browser gets: pages for those who may, redirects and refusals for others, and never a cached one."""

import html
import json
import re
import uuid
import zlib
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse, set_script_prefix

from scriptapps import identity
from scriptapps.models import SavedSnapshot, ScriptApp
from scriptapps.registry import registry
from tests.site.fixtures import NoteTakingNode, ScriptFolder

pytestmark = pytest.mark.django_db

PAGE, STATUS, SOCKET = "/apps/orders/", "/apps/orders/status/", "/apps/orders/ws/"


@pytest.fixture(autouse=True)
def site(folder: ScriptFolder, node: NoteTakingNode, settings: Any) -> None:
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "DIRS": []}]
    folder.write("orders.py", "# title: Orders & more\n# description: What came in.\n")
    folder.write("open.py", "# access: public\n")
    folder.write("back.py", "# access: permission shop.view_order\n")


@pytest.fixture
def browser(client: Client, alice) -> Client:
    client.force_login(alice)
    return client


def make_row() -> ScriptApp:
    source = registry.find("orders")
    assert source is not None
    return registry.script_app(source)


def attributes(response) -> dict[str, str]:
    tag = re.search(r"<script-app([^>]*)>", response.content.decode())
    assert tag
    return {name: html.unescape(value) for name, value in re.findall(r'([a-z-]+)="([^"]*)"', tag[1])}


def assert_secure(response) -> None:
    assert response.headers["Cache-Control"] == "no-store, private"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Referrer-Policy"] == "same-origin"
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]


def test_the_page_carries_what_the_element_needs(browser, node, alice):
    node.session_id = str(uuid.uuid4())
    response = browser.get(PAGE)
    assert response.status_code == 200
    assert_secure(response)
    binding = browser.session[identity.BINDING_KEY]
    assert attributes(response) == {
        "socket-url": SOCKET,
        "status-url": STATUS,
        "token": identity.page_token(binding, "orders"),
        "fingerprint": identity.fingerprint(binding),
        "session": node.session_id,
        "page-title": "Orders & more",
        "login-url": "/accounts/login/?next=/apps/orders/",
        "user-name": "alice",
    }
    assert node.preheated == [(alice, binding, "orders", browser.session.session_key)]
    assert b"<title>Orders &amp; more</title>" in response.content
    assert b'content="What came in."' in response.content


def test_debug_is_told_to_the_element(browser, settings):
    assert "debug-mode" not in attributes(browser.get(PAGE))
    settings.DEBUG = True
    assert attributes(browser.get(PAGE))["debug-mode"] == "true"


def test_the_way_back_from_signing_in_keeps_the_query(client):
    response = client.get(PAGE, {"region": "EU"})
    assert response.status_code == 302
    parts = urlsplit(response.url)
    assert parts.path == "/accounts/login/"
    assert parse_qs(parts.query) == {"next": ["/apps/orders/?region=EU"]}
    assert_secure(response)


def test_a_dropped_file_is_served_at_the_next_request(browser, folder):
    assert browser.get("/apps/fresh/").status_code == 404
    folder.write("fresh.py")
    assert browser.get("/apps/fresh/").status_code == 200
    assert ScriptApp.objects.get(slug="fresh").source_path.endswith("fresh.py")


def test_a_script_that_does_not_compile_still_has_a_page(browser, folder):
    folder.write("orders.py", "x = (\n")
    assert browser.get(PAGE).status_code == 200


def test_refusals_are_pages_of_their_own(browser):
    forbidden = browser.get("/apps/back/")
    assert forbidden.status_code == 403
    assert b"You may not open" in forbidden.content
    missing = browser.get("/apps/nothing/")
    assert missing.status_code == 404
    assert b"There is nothing here" in missing.content
    for response in (forbidden, missing):
        assert_secure(response)
        assert "<script-app" not in response.content.decode()


def test_a_permission_opens_the_page(browser, alice):
    alice.user_permissions.add(Permission.objects.get(codename="view_order", content_type__app_label="shop"))
    assert browser.get("/apps/back/").status_code == 200


def test_disabled_is_gone_for_everybody(browser, client):
    row = make_row()
    ScriptApp.objects.filter(pk=row.pk).update(enabled=False)
    assert browser.get(PAGE).status_code == 404
    assert Client().get(PAGE).status_code == 404
    assert browser.get(STATUS).json()["state"] == "gone"


def test_nothing_runs_for_those_who_may_not(client, node):
    for address in (PAGE, "/apps/back/", "/apps/nothing/"):
        client.get(address)
    assert node.preheated == []


def test_an_anonymous_visitor_of_a_public_script_app(client, node):
    response = client.get("/apps/open/")
    assert response.status_code == 200
    assert "user-name" not in attributes(response)
    assert client.session[identity.BINDING_KEY] == node.preheated[0][1]
    assert client.session.session_key == node.preheated[0][3]


@pytest.mark.parametrize(
    ("method", "headers"),
    [("head", {}), ("get", {"Sec-Purpose": "prefetch;prerender"}), ("get", {"Purpose": "prefetch"})],
)
def test_no_run_on_suspicion(browser, node, method, headers):
    assert getattr(browser, method)(PAGE, headers=headers).status_code == 200
    assert node.preheated == []


def test_preheating_can_be_switched_off(browser, node, settings, folder):
    settings.SCRIPTAPPS = {"DIRS": [folder.path], "PREHEAT": False}
    assert attributes(browser.get(PAGE))["session"] == ""
    assert node.preheated == []


@pytest.mark.parametrize("address", ["/apps/", PAGE, STATUS, SOCKET])
def test_nothing_is_changed_by_post(browser, address):
    assert browser.post(address).status_code == 405


def test_the_socket_address_by_http(browser):
    response = browser.get(SOCKET)
    assert response.status_code == 426
    assert response.headers["Upgrade"] == "websocket"


def test_status_for_one_who_may(browser, node):
    document = browser.get(STATUS).json()
    binding = browser.session[identity.BINDING_KEY]
    assert document == {
        "state": "ok",
        "token": identity.page_token(binding, "orders"),
        "fingerprint": identity.fingerprint(binding),
        "login_url": "/accounts/login/?next=/apps/orders/",
        "resume": False,
        "session": "",
    }
    assert node.asked == node.preheated == []


@pytest.mark.parametrize("may_resume", [True, False])
def test_status_about_a_session(browser, node, may_resume):
    node.may_resume = may_resume
    document = browser.get(STATUS, {"session": "abc"}).json()
    assert document["resume"] is may_resume
    assert node.asked == [("abc", browser.session[identity.BINDING_KEY], "orders")]


def test_status_for_one_who_may_not(client, browser):
    signed_out = Client().get(STATUS, {"session": "abc"})
    assert signed_out.status_code == 200
    assert signed_out.json()["state"] == "signed_out"
    for document in (signed_out.json(), browser.get("/apps/back/status/").json()):
        assert (document["token"], document["fingerprint"], document["resume"]) == ("", "", False)
    assert browser.get("/apps/back/status/").json()["state"] == "forbidden"
    assert browser.get("/apps/nothing/status/").json()["state"] == "gone"
    assert_secure(signed_out)


def test_the_index_lists_what_may_be_opened(browser):
    response = browser.get("/apps/")
    assert_secure(response)
    content = response.content.decode()
    assert "Orders &amp; more" in content
    assert "What came in." in content
    assert 'href="/apps/open/"' in content
    assert "/apps/back/" not in content


def test_the_index_of_an_anonymous_visitor(client, folder):
    content = client.get("/apps/").content.decode()
    assert 'href="/apps/open/"' in content
    assert "/apps/orders/" not in content
    (folder.path / "open.py").unlink()
    assert client.get("/apps/").url == "/accounts/login/?next=/apps/"


def test_an_empty_index_says_what_to_do(browser, folder, settings):
    for path in folder.path.glob("*.py"):
        path.unlink()
    assert b"Nothing to open" in browser.get("/apps/").content
    settings.DEBUG = True
    assert str(folder.path).encode() in browser.get("/apps/").content


@pytest.fixture
def snapshot(alice) -> SavedSnapshot:
    row = make_row()
    return SavedSnapshot.objects.create(script_app=row, user=alice, title="Monday", payload=zlib.compress(b"bytes"))


def test_a_saved_snapshot(browser, snapshot, node):
    response = browser.get(snapshot.get_absolute_url())
    assert_secure(response)
    found = attributes(response)
    assert found.pop("saved-at").startswith("20")
    assert found == {
        "frozen-url": f"/apps/orders/saved/{snapshot.pk}/data/",
        "page-title": "Monday",
        "saved-by": "alice",
    }
    data = browser.get(found["frozen-url"])
    assert_secure(data)
    assert data.headers["Content-Type"] == "application/x-protobuf"
    assert data.content == b"bytes"
    assert node.preheated == []


def test_a_snapshot_is_for_those_who_may_open_the_script_app(client, browser, snapshot):
    address = snapshot.get_absolute_url()
    assert Client().get(address).status_code == 302
    assert Client().get(f"{address}data/").status_code == 403
    ScriptApp.objects.update(access="staff")
    assert browser.get(address).status_code == 403
    assert browser.get(f"{address}data/").status_code == 403
    ScriptApp.objects.update(enabled=False)
    assert browser.get(address).status_code == 404
    assert browser.get(f"{address}data/").status_code == 404


def test_a_snapshot_belongs_to_one_script_app(browser, snapshot):
    for address in (f"/apps/open/saved/{snapshot.pk}/", f"/apps/orders/saved/{uuid.uuid4()}/"):
        assert browser.get(address).status_code == 404
        assert browser.get(f"{address}data/").status_code == 404


def test_language_and_direction(browser, settings):
    assert b'<html lang="en" dir="ltr">' in browser.get(PAGE).content
    settings.LANGUAGE_CODE = "ar"
    assert b'<html lang="ar" dir="rtl">' in browser.get(PAGE).content


def test_under_a_script_name(browser):
    # The test client leaves to us what a server's handler does first.
    set_script_prefix("/site/")
    try:
        response = browser.get(PAGE, SCRIPT_NAME="/site")
    finally:
        set_script_prefix("/")
    found = attributes(response)
    assert found["socket-url"] == "/site/apps/orders/ws/"
    assert found["status-url"] == "/site/apps/orders/status/"
    assert found["login-url"].endswith("?next=/site/apps/orders/")


def test_under_another_prefix_and_twice(browser, settings):
    settings.ROOT_URLCONF = "tests.site.urls_twice"
    first, second = browser.get("/tools/orders/"), browser.get("/deep/down/orders/")
    assert attributes(first)["socket-url"] == "/tools/orders/ws/"
    assert attributes(second)["socket-url"] == "/deep/down/orders/ws/"
    assert 'href="/deep/down/open/"' in browser.get("/deep/down/").content.decode()


def test_lazy_modules_are_found_like_static_files(browser, settings, tmp_path):
    elements = tmp_path / "static" / "scriptapps" / "elements"
    elements.mkdir(parents=True)
    (elements / "sparkle.js").write_text("")
    (elements / "notes.txt").write_text("")
    settings.STATICFILES_DIRS = [tmp_path / "static"]
    content = browser.get(PAGE).content.decode()
    found = re.search(r'<script id="scriptapps-modules" type="application/json">(.*?)</script>', content)
    assert found
    modules = json.loads(found[1])
    assert modules["sparkle"] == "/static/scriptapps/elements/sparkle.js"
    assert "notes" not in modules


def test_nothing_of_the_page_is_inline(browser):
    for address in ("/apps/", PAGE, "/apps/back/", "/apps/nothing/"):
        content = browser.get(address).content.decode()
        assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:", content)
        scripts = re.findall(r"<script((?=[\s>])[^>]*)>", content)
        assert all("src=" in tag or "application/json" in tag for tag in scripts)


def test_addresses_are_named():
    assert reverse("scriptapps:index") == "/apps/"
    assert reverse("scriptapps:page", args=["orders"]) == PAGE
    assert reverse("scriptapps:socket", args=["orders"]) == SOCKET
    assert reverse("scriptapps:status", args=["orders"]) == STATUS
