"""The measured site: script apps, and beside them the echo that is the floor.

Runs on: the event loop of daphne or uvicorn.
"""

import os
from typing import Any

from django.core.asgi import get_asgi_application

from benchmarks.site.echo import EchoConsumer
from scriptapps.routing import with_script_apps

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmarks.site.settings")

pages = get_asgi_application()
echo = EchoConsumer.as_asgi()


async def site(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Every websocket that is no script app's is an echo."""
    await (echo if scope["type"] == "websocket" else pages)(scope, receive, send)


application = with_script_apps(site)
