"""The demo site's application with places to die at around a run and around what is sent at its end.

Runs on: servers of the fault tests.
"""

from __future__ import annotations

import zlib
from typing import Any

from django.core.asgi import get_asgi_application

from scriptapps.routing import with_script_apps

application = with_script_apps(get_asgi_application())

from scriptapps import script_threads  # noqa: E402  Django is set up by now
from scriptapps.consumers import ScriptConsumer  # noqa: E402
from scriptapps.protocol import schema  # noqa: E402
from tests.site.faults import reach  # noqa: E402

_before_run = script_threads.before_run
_send = ScriptConsumer.send


def _dying_before_run(run: Any) -> None:
    reach("before the run")
    _before_run(run)


async def _dying_send(self: ScriptConsumer, message: dict[str, Any]) -> None:
    ends_run = message.get("type") == "websocket.send" and _says_finished(message["bytes"])
    if ends_run:
        reach("before finished is sent")
    await _send(self, message)
    if ends_run:
        reach("after finished was sent")


def _says_finished(data: bytes) -> bool:
    message = schema.ServerMessage.FromString(data)
    if message.deflated:
        message = schema.ServerMessage.FromString(zlib.decompress(message.deflated))
    return message.HasField("run_finished")


script_threads.before_run = _dying_before_run
ScriptConsumer.send = _dying_send
