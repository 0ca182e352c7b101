"""Spans around the steps of opening a socket.

Runs on: the event loop. Invariant: while spans are off, a step is called as it is.
"""

from __future__ import annotations

import contextvars
from collections.abc import Awaitable, Callable
from functools import partial, wraps
from typing import Any

from channels.exceptions import StopConsumer

from scriptapps import tracing
from scriptapps.node import get_node

Step = Callable[..., Awaitable[None]]


def traced(name: str) -> Callable[[Step], Step]:
    """A method of the consumer with a span of this name."""

    def decorate(step: Step) -> Step:
        @wraps(step)
        async def call(consumer: Any, *args: Any) -> None:
            spans = get_node().spans
            if spans is None:
                await step(consumer, *args)
                return
            slug = consumer.scope["url_route"]["kwargs"]["slug"]
            with spans.socket(name, slug, dict(consumer.scope["headers"])) as span:
                refused: StopConsumer | None = None
                try:
                    await step(consumer, *args)
                except StopConsumer as stop:
                    # How Channels ends a consumer, and no error.
                    refused = stop
                finally:
                    span.set_attributes(_told(consumer))
            if refused is not None:
                raise refused

        return call

    return decorate


def _told(consumer: Any) -> dict[str, Any]:
    told: dict[str, Any] = {"scriptapps.admitted": consumer.admitted is not None}
    if consumer.admitted is not None:
        told["scriptapps.observes"] = consumer.admitted.observes
    if consumer.session is not None:
        told["scriptapps.session_id"] = consumer.session.session_id
    return told


def note_refusal(status: int) -> None:
    """The step that is going on ends with this HTTP status."""
    if get_node().spans is not None:
        tracing.package().trace.get_current_span().set_attribute("http.response.status_code", status)


def within_span(work: Callable[[], Any]) -> Callable[[], Any]:
    """For another thread: what it does stands below the span of here."""
    return work if get_node().spans is None else partial(contextvars.copy_context().run, work)
