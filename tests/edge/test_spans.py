"""OpenTelemetry spans: what is told of a handshake, a run, a commit and a request, how they hang together, and that
nothing is asked of a package that is not there.
"""

import builtins
import json
import sys
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.test import Client
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from scriptapps import setting_checks, tracing
from scriptapps.models import ApiToken, ScriptSession, SessionRequest
from scriptapps.node import get_node, stop_node
from tests.live import Browser, Site, Viewer

pytestmark = pytest.mark.django_db(transaction=True)

PAGE = """# access: signed-in
from django.contrib.auth.models import User
from opentelemetry import trace
from scriptapps import st

name = st.text_input("Name", "typed-canary", key="name")
print("printed-canary", User.objects.count())
if st.button("Fail"):
    raise ValueError("raised-canary")
with trace.get_tracer("mine").start_as_current_span("own") as span:
    st.text(f"trace {span.get_span_context().trace_id}")
"""
TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE}-{SPAN}-01"


class Spans:
    """What was exported."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider()
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))

    def named(self, name: str) -> list[ReadableSpan]:
        return [span for span in self.exporter.get_finished_spans() if span.name == f"scriptapps.{name}"]


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Spans:
    found = Spans()
    monkeypatch.setattr(tracing, "tracer", lambda: found.provider.get_tracer("scriptapps"))
    return found


@pytest.fixture
async def browser(spans: Spans, site: Site, alice: User):
    site.folder.write("page.py", PAGE)
    yield await site.browser(alice)
    await site.leave()


@pytest.fixture
async def page(browser: Browser):
    return await browser.open()


def told(span: ReadableSpan) -> dict[str, Any]:
    return {name.removeprefix("scriptapps."): value for name, value in (span.attributes or {}).items()}


async def test_a_run_is_a_span_with_its_figures(site: Site, page: Viewer, spans: Spans):
    await page.set_value(page.widget("Name"), "Ada")
    await site.until(lambda: len(spans.named("run")) == 2)
    first, second = spans.named("run")
    session = site.session(page)
    moved = told(second)
    assert moved.pop("query_ms") > 0
    assert moved.pop("bytes") > 20
    assert moved == {
        "app": "page",
        "session_id": page.session_id,
        "run_id": f"{page.session_id[:8]}-2",
        "trigger": "widget",
        "outcome": "completed",
        "deltas": 1,
        "queries": 1,
        "version": session.script_version,
    }
    assert told(first)["trigger"] == "opened"
    assert second.end_time
    assert second.start_time
    assert 0 < second.end_time - second.start_time < 5e9


async def test_what_the_script_and_its_commit_do_stands_below_the_run(site: Site, page: Viewer, spans: Spans):
    await page.set_value(page.widget("Name"), "Ada")
    await page.settled()
    await site.until(lambda: len(spans.named("run")) == 2 and spans.named("commit"))
    run, commit = spans.named("run")[-1], spans.named("commit")[-1]
    assert commit.parent is not None
    assert run.context is not None
    assert commit.parent.span_id == run.context.span_id
    assert page.texts() == [f"trace {run.context.trace_id}"]


async def test_a_failure_is_an_error_without_its_words(site: Site, page: Viewer, spans: Spans):
    await page.click(page.widget("Fail"))
    await site.until(lambda: len(spans.named("run")) == 2)
    failed = spans.named("run")[-1]
    assert failed.status.status_code is trace.StatusCode.ERROR
    assert (told(failed)["outcome"], told(failed)["error.type"]) == ("failed", "ValueError")
    assert told(failed)["reference"] == site.session(page).history.entries((0, 0))[0].reference
    assert not failed.events


async def test_no_span_holds_a_value(site: Site, page: Viewer, spans: Spans):
    await page.set_value(page.widget("Name"), "sent-canary")
    await page.settled()
    await page.click(page.widget("Fail"))
    await page.settled()
    await ScriptSession.objects.arerun(values={"name": "asked-canary"}, state={"x": "state-canary"}, wait=True)
    await site.until(lambda: spans.named("request") and len(spans.named("run")) >= 4)
    exported = [span.to_json() for span in spans.exporter.get_finished_spans()]
    assert len(exported) >= 8
    assert not [text for text in exported if "canary" in text or "alice" in text]


async def test_a_handshake_is_a_span_whether_it_is_let_in_or_not(site: Site, browser: Browser, spans: Spans):
    page = await browser.open()
    assert (await browser.knock(token="wrong")).refused == 403
    await site.until(lambda: len(spans.named("handshake")) == 2 and spans.named("open"))
    came_in, refused = map(told, spans.named("handshake"))
    assert came_in == {"app": "page", "admitted": True, "observes": False}
    assert refused == {"app": "page", "admitted": False, "http.response.status_code": 403}
    [opened] = map(told, spans.named("open"))
    assert opened == {"app": "page", "admitted": True, "observes": False, "session_id": page.session_id}


async def test_a_request_over_http_goes_on_in_the_run_that_it_caused(
    site: Site, page: Viewer, spans: Spans, superuser: User
):
    def ask() -> None:
        token = ApiToken(name="cron", user=superuser, scopes=["rerun"], every_script_app=True)
        secret = token.make_secret()
        token.save()
        headers = {"Authorization": f"Bearer {secret}", "traceparent": TRACEPARENT}
        body = json.dumps({"sessions": {"ids": [page.session_id]}})
        answer = Client().post("/apps/api/sessions/rerun", body, "application/json", headers=headers)
        assert answer.status_code in (200, 202), answer.content

    await sync_to_async(ask)()
    await site.until(lambda: spans.named("request") and len(spans.named("run")) == 2)
    [link] = spans.named("run")[-1].links
    assert (f"{link.context.trace_id:032x}", f"{link.context.span_id:016x}") == (TRACE, SPAN)
    [request] = spans.named("request")
    assert request.parent is not None
    assert request.context is not None
    assert (f"{request.context.trace_id:032x}", f"{request.parent.span_id:016x}") == (TRACE, SPAN)
    assert told(request) == {"app": "page", "session_id": page.session_id, "request": "rerun", "trigger": "API"}


async def test_a_header_that_is_none_is_left_alone(site: Site, page: Viewer, spans: Spans):
    for header in ("", "00-zz-zz-01", "x" * 10_000, f"00-{'0' * 32}-{'0' * 16}-01"):
        with tracing.continued(header):
            assert tracing.current_traceparent() == ""
    await ScriptSession.objects.arerun(wait=True)
    assert [row.payload async for row in SessionRequest.objects.all()] == [{}]
    await site.until(lambda: len(spans.named("run")) == 2)
    assert not spans.named("run")[-1].links


async def test_a_fault_of_the_exporter_is_no_fault_of_the_page(
    site: Site, browser: Browser, spans: Spans, monkeypatch: pytest.MonkeyPatch, caplog
):
    def broken(*_: Any) -> None:
        raise RuntimeError("exporter is away")

    monkeypatch.setattr(trace.NonRecordingSpan, "end", broken)
    monkeypatch.setattr("opentelemetry.sdk.trace.Span.end", broken)
    page = await browser.open()
    await page.set_value(page.widget("Name"), "Ada")
    await page.settled()
    await site.until(lambda: "A span could not be ended" in caplog.text)


async def test_what_waits_is_told_when_the_process_ends(site: Site, page: Viewer, spans: Spans):
    assert site.node.spans is not None
    await sync_to_async(stop_node)(1)
    assert [told(span)["outcome"] for span in spans.named("run")] == ["completed"]


@pytest.mark.parametrize("switched", ["off", "not installed"])
async def test_without_it_nothing_is_asked(site: Site, alice: User, settings, monkeypatch, switched: str):
    if switched == "off":
        settings.SCRIPTAPPS = {**settings.SCRIPTAPPS, "TRACING": False}
        monkeypatch.setattr(tracing, "tracer", lambda: pytest.fail("a tracer was made"))
    else:
        monkeypatch.setattr(tracing, "package", lambda: None)
    page = await (await site.browser(alice)).open()
    assert get_node().spans is None
    await ScriptSession.objects.arerun(wait=True)
    assert [row.payload async for row in SessionRequest.objects.all()] == [{}]
    assert page.texts() == ["heat 1"]
    await site.leave()


def test_the_package_may_be_missing(monkeypatch: pytest.MonkeyPatch):
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name.startswith("opentelemetry"):
            raise ModuleNotFoundError(name)
        return real(name, *rest)

    for name in [name for name in sys.modules if name.startswith("opentelemetry")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", without)
    assert tracing.package.__wrapped__() is None


@pytest.mark.parametrize("wanted", [None, False, True])
@pytest.mark.parametrize("is_there", [True, False])
def test_the_check_names_what_to_install(settings, monkeypatch, wanted: bool | None, is_there: bool):
    settings.SCRIPTAPPS = {} if wanted is None else {"TRACING": wanted}
    if not is_there:
        monkeypatch.setattr(tracing, "package", lambda: None)
    found = [(message.id, message.hint) for message in setting_checks.check_tracing()]
    hint = 'pip install "django-scriptapps[otel]", or remove SCRIPTAPPS["TRACING"].'
    assert found == ([("scriptapps.E014", hint)] if wanted and not is_there else [])
