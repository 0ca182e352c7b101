"""What balancers ask is answered without sessions, cookies or middleware, and tells the truth about this process."""

import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest
from asgiref.testing import ApplicationCommunicator
from django.core.asgi import get_asgi_application
from django.db import OperationalError
from django.test import Client
from django.urls import resolve

from scriptapps import health
from scriptapps.routing import with_script_apps

HEALTHZ, READY = "/apps/-/healthz/", "/apps/-/ready/"


@pytest.fixture
def process(monkeypatch):
    """The node as far as health asks it; its database answers unless a test says otherwise."""
    node = SimpleNamespace(reason_not_ready="", database=ThreadPoolExecutor(4))
    monkeypatch.setattr(health, "get_node", lambda: node)
    monkeypatch.setattr(health, "_select_one", lambda: None)
    monkeypatch.setattr(health, "_probe", None)
    yield node
    node.database.shutdown(wait=True)


async def ask(path: str, method: str = "GET", **more: Any) -> tuple[int, dict[str, str], bytes]:
    """A request as a server passes it on: to the ASGI application, with whatever Host a probe sends."""
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "root_path": "",
        "query_string": b"",
        "headers": [(b"host", b"10.1.2.3")],
        **more,
    }
    communicator = ApplicationCommunicator(with_script_apps(get_asgi_application()), scope)
    await communicator.send_input({"type": "http.request"})
    start = await communicator.receive_output()
    body = await communicator.receive_output()
    headers = {name.decode().lower(): value.decode() for name, value in start["headers"]}
    return start["status"], headers, body["body"]


@pytest.mark.parametrize("path", [HEALTHZ, READY])
async def test_a_healthy_process(process, path, settings):
    settings.ALLOWED_HOSTS = ["example.org"]
    settings.SECURE_SSL_REDIRECT = True
    status, headers, body = await ask(path)
    assert (status, body) == (200, b"ok\n")
    assert headers["cache-control"] == "no-store, private"
    assert "set-cookie" not in headers
    assert await ask(path, "HEAD") == (200, headers, b"")


@pytest.mark.parametrize("reason", ["draining", "stalled", "abandoned", "memory"])
async def test_a_process_that_takes_no_new_sessions(process, reason):
    process.reason_not_ready = reason
    status, _, body = await ask(READY)
    assert (status, body) == (503, f"{reason}\n".encode())
    assert (await ask(HEALTHZ))[0] == 200


async def test_a_database_that_refuses(process, monkeypatch, caplog):
    def refuse() -> None:
        raise OperationalError("the database system is starting up")

    monkeypatch.setattr(health, "_select_one", refuse)
    assert (await ask(READY))[::2] == (503, b"database\n")
    assert (await ask(HEALTHZ))[0] == 200


async def test_a_database_that_hangs_holds_one_thread(process, monkeypatch):
    answer, asked = threading.Event(), []

    def hang() -> None:
        asked.append(1)
        answer.wait()

    monkeypatch.setattr(health, "_select_one", hang)
    monkeypatch.setattr(health, "DATABASE_SECONDS", 0.01)
    for _ in range(10):
        assert (await ask(READY))[::2] == (503, b"database\n")
    assert len(asked) == 1
    answer.set()
    monkeypatch.setattr(health, "DATABASE_SECONDS", 10)
    assert (await ask(READY))[0] == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
async def test_nothing_but_reading(process, method):
    status, headers, _ = await ask(READY, method)
    assert (status, headers["allow"]) == (405, "GET, HEAD")


async def test_other_addresses_go_to_the_site():
    seen = []

    async def site(scope, receive, send) -> None:
        seen.append(scope["path"])

    application = with_script_apps(site)
    for path in ("/apps/-/other/", "/-/ready/", "/apps/-/ready/more/", "/apps/"):
        await application({"type": "http", "method": "GET", "path": path}, None, None)
    assert seen == ["/apps/-/other/", "/-/ready/", "/apps/-/ready/more/", "/apps/"]


async def test_the_site_may_be_mounted_elsewhere(process):
    assert (await ask("/intranet" + READY, root_path="/intranet"))[0] == 200


def test_the_same_from_a_view(process, client: Client, monkeypatch):
    for path in (HEALTHZ, READY):
        response = client.get(path)
        assert (response.status_code, response.content) == (200, b"ok\n")
        assert not response.cookies
        assert client.post(path).status_code == 405
    process.reason_not_ready = "draining"
    assert client.get(READY).status_code == 503
    process.reason_not_ready = ""

    def refuse() -> None:
        raise OperationalError("no")

    monkeypatch.setattr(health, "_select_one", refuse)
    assert client.get(READY).content == b"database\n"


@pytest.mark.django_db(transaction=True)
def test_the_database_is_really_asked(django_assert_num_queries):
    with django_assert_num_queries(1):
        health._select_one()


def test_no_script_app_can_take_their_place():
    assert resolve(HEALTHZ).func is health.healthz
    assert resolve(READY).func is health.ready
