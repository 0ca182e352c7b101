"""What a balancer asks: does this process answer, and may it be given new visitors.

Runs on: the event loop (``with_script_apps`` answers before any middleware), or request threads elsewhere.
Invariant: no session, no cookie, nothing about the site; a probe costs at most one query, however many arrive at once.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from concurrent.futures import Future
from typing import Any

from django.db import close_old_connections, connections
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from scriptapps.headers import secure_data
from scriptapps.node import get_node
from scriptapps.store import write_alias

logger = logging.getLogger("scriptapps.node")

DATABASE_SECONDS = 2.0
"""A database that takes longer than this for ``SELECT 1`` does not answer."""
DATABASE = "database"
OK = "ok"

_probe: Future[None] | None = None
# Guards the one probe that may be under way.
_probe_lock = threading.Lock()


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """200 as long as this process answers at all."""
    return _response(OK)


@require_safe
def ready(request: HttpRequest) -> HttpResponse:
    """200 while this process takes new sessions, otherwise 503 and one word: draining, stalled, abandoned, ..."""
    return _response(get_node().reason_not_ready or _wait_for_database() or OK)


async def answer(view: Any, scope: Any, send: Any) -> None:
    """Answer on the event loop, for either of the two views."""
    if scope["method"] not in ("GET", "HEAD"):
        response = HttpResponse(status=405, headers={"Allow": "GET, HEAD"})
    elif view is healthz:
        response = _response(OK)
    else:
        response = _response(get_node().reason_not_ready or await _await_database() or OK)
    headers = [(name.lower().encode(), value.encode()) for name, value in response.headers.items()]
    headers.append((b"content-length", str(len(response.content)).encode()))
    body = b"" if scope["method"] == "HEAD" else response.content
    await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _response(word: str) -> HttpResponse:
    status = 200 if word == OK else 503
    return secure_data(HttpResponse(f"{word}\n", content_type="text/plain; charset=utf-8", status=status))


def _wait_for_database() -> str:
    try:
        _ask_database().result(DATABASE_SECONDS)
    except Exception as error:
        return _no_answer(error)
    return ""


async def _await_database() -> str:
    try:
        probe = asyncio.wrap_future(_ask_database())
        # Not cancelled with this question: others may be waiting for the same answer.
        await asyncio.wait([probe], timeout=DATABASE_SECONDS)
        if not probe.done() or probe.cancelled():
            probe.add_done_callback(lambda done: done.cancelled() or done.exception())
            raise TimeoutError(f"no answer within {DATABASE_SECONDS:g} s")
        probe.result()
    except Exception as error:
        return _no_answer(error)
    return ""


def _no_answer(error: Exception) -> str:
    logger.warning("Not ready, the database does not answer: %s", error or type(error).__name__)
    return DATABASE


def _ask_database() -> Future[None]:
    """The probe that is under way, or a new one: a database that hangs holds one thread, not one for each question."""
    global _probe
    with _probe_lock:
        if _probe is None or _probe.done():
            _probe = get_node().database.submit(_select_one)
        return _probe


def _select_one() -> None:
    close_old_connections()
    try:
        with connections[write_alias()].cursor() as cursor:
            cursor.execute("SELECT 1")
    finally:
        close_old_connections()
