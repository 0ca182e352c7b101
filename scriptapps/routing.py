"""The one line in ``asgi.py``: ``application = with_script_apps(get_asgi_application())``.

Runs on: the event loop. Importable before Django is set up, because ``asgi.py`` imports it first thing; what needs
models is imported when the application is made. Invariant: only sockets whose path resolves to ``views.socket`` and
the two addresses of ``health`` are ours; every other scope goes to the application that was wrapped.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from django.core.handlers.asgi import ASGIHandler
from django.urls import Resolver404, ResolverMatch, resolve

logger = logging.getLogger("scriptapps.sockets")

Scope = MutableMapping[str, Any]
Application = Callable[[Any, Any, Any], Awaitable[None]]


def with_script_apps(application: Application) -> Application:
    """``application`` with the websockets of script apps and a clean end under servers that have a lifespan.

    It may be Django's own ``get_asgi_application()`` or a router that serves other websockets of the site.
    """
    # Models must not be imported before get_asgi_application() has set Django up.
    from scriptapps.consumers import ScriptConsumer
    from scriptapps.health import answer

    consumer = ScriptConsumer.as_asgi()

    async def script_apps(scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            slug = socket_slug(scope)
            if slug is not None:
                await consumer({**scope, "url_route": {"args": (), "kwargs": {"slug": slug}}}, receive, send)
            elif isinstance(application, ASGIHandler):
                logger.info("No websocket at %s", scope["path"])
                await send({"type": "websocket.close"})
            else:
                await application(scope, receive, send)
        elif scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif "/-/" in scope["path"] and (view := health_view(scope)) is not None:
            # Before any middleware: a probe has no right Host, comes without TLS and must not wait for a thread.
            await answer(view, scope, send)
        else:
            await application(scope, receive, send)

    return script_apps


def socket_slug(scope: Scope) -> str | None:
    """The slug of the script app whose socket this path is, or None."""
    from scriptapps.views import socket

    match = _resolve(scope)
    return match.kwargs["slug"] if match is not None and match.func is socket else None


def health_view(scope: Scope) -> Callable[..., Any] | None:
    """The view of ``health`` that this path is the address of, or None."""
    from scriptapps.health import healthz, ready

    match = _resolve(scope)
    return match.func if match is not None and match.func in (healthz, ready) else None


def _resolve(scope: Scope) -> ResolverMatch | None:
    try:
        return resolve(scope["path"].removeprefix(scope.get("root_path", "").rstrip("/")))
    except Resolver404:
        return None


async def _lifespan(receive: Any, send: Any) -> None:
    from scriptapps.node import stop_node
    from scriptapps.recycling import exit_if_recycled

    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            try:
                # Giving leases back asks the database, which must not be done on the event loop.
                await asyncio.to_thread(stop_node)
            except Exception:
                logger.exception("The node could not end in good order")
            await send({"type": "lifespan.shutdown.complete"})
            exit_if_recycled()
            return
