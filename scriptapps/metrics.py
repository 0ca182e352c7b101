"""How this process is doing, in numbers, for whoever collects them: `-/metrics/`.

Runs on: request threads. Invariant: nothing about people, values or sessions by name; who may read is decided first,
and in the mode "token" without asking the database.
"""

from __future__ import annotations

import secrets
import threading
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

import scriptapps
from scriptapps.conf import scriptapps_settings
from scriptapps.consumers import budget
from scriptapps.headers import secure_data
from scriptapps.node import ServerNode, get_node
from scriptapps.open_metrics import CONTENT_TYPE, MetricsText
from scriptapps.recycling import resident_mb

PERMISSION = "scriptapps.view_serverprocess"


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """The numbers of this process. 404 where they are turned off, 401 or 403 for those who may not read them."""
    access = scriptapps_settings.METRICS_ACCESS
    if access == "off":
        raise Http404
    if access == "token":
        if not has_token(request):
            return _refused(401, {"WWW-Authenticate": 'Bearer realm="metrics"'})
    elif not is_allowed(request.user):
        return _refused(403, {})
    return secure_data(HttpResponse(text_of(get_node()), content_type=CONTENT_TYPE))


def has_token(request: HttpRequest) -> bool:
    """Whether the request brings METRICS_TOKEN. Takes as long for a token that is nearly right."""
    scheme, _space, given = request.headers.get("Authorization", "").partition(" ")
    token = scriptapps_settings.METRICS_TOKEN
    if not token or scheme.lower() != "bearer":
        return False
    return secrets.compare_digest(given.strip().encode(), token.encode())


def is_allowed(user: Any) -> bool:
    """Whether this person may see server processes in the admin."""
    return bool(user.is_active and user.is_staff and user.has_perm(PERMISSION))


def text_of(node: ServerNode) -> str:
    """The numbers of a node."""
    text = MetricsText()
    text.info("scriptapps_node", "This server process.", {"name": node.name, "version": scriptapps.__version__})
    _write_now(text, node)
    counted = node.counts.read()
    text.counter(
        "scriptapps_runs",
        "Runs that have ended, by script app and outcome.",
        [({"script_app": slug, "outcome": outcome}, count) for (slug, outcome), count in sorted(counted.runs.items())],
    )
    text.histogram("scriptapps_run_duration_seconds", "How long runs took.", counted.run_seconds)
    text.histogram("scriptapps_state_commit_seconds", "How long storing state took.", counted.commit_seconds)
    about = "Commits of state that did not succeed."
    text.counter("scriptapps_state_commit_failures", about, [({}, counted.failed_commits)])
    return text.end()


def _write_now(text: MetricsText, node: ServerNode) -> None:
    sessions, engine, memory, lag = node.select(), node.engine, resident_mb(), node.watchdog.loop_lag_ms
    leases = sum(session.epoch > 0 for session in [*sessions, *list(node.leaving.values())])
    text.gauge("scriptapps_ready", "1 while new sessions are taken.", int(not node.reason_not_ready))
    text.gauge("scriptapps_sessions", "Live script sessions.", len(sessions))
    text.gauge("scriptapps_viewers", "Pages that show them.", sum(len(session.viewers) for session in sessions))
    text.gauge("scriptapps_leases", "Script sessions whose lease is held.", leases)
    text.gauge("scriptapps_sockets", "Open sockets, also those that are being opened.", budget.total)
    text.gauge("scriptapps_workers", "Script threads that may run at once.", node.options.workers)
    text.gauge("scriptapps_runs_now", "Runs that execute.", engine.running)
    text.gauge("scriptapps_runs_waiting", "Script sessions that wait for a script thread.", engine.waiting)
    text.gauge("scriptapps_abandoned_runs", "Runs that could not be stopped and were given up.", engine.abandoned)
    text.gauge("scriptapps_threads", "Threads of the process.", threading.active_count())
    memory_bytes = None if memory is None else round(memory * 1_000_000)
    text.gauge("scriptapps_resident_memory_bytes", "Resident memory.", memory_bytes, unit="bytes")
    lag_seconds = None if lag is None else lag / 1_000
    text.gauge("scriptapps_event_loop_lag_seconds", "How late the event loop is.", lag_seconds, unit="seconds")


def _refused(status: int, headers: dict[str, str]) -> HttpResponse:
    text = "These numbers are for staff, or for whoever has their token.\n"
    return secure_data(HttpResponse(text, status=status, content_type="text/plain; charset=utf-8", headers=headers))
