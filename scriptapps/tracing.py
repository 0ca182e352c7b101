"""OpenTelemetry, if it is installed and not switched off: the tracer, and the context that travels with a request.

Runs on: any thread. Invariant: without the package, or switched off, nothing of it is imported or asked; what travels
is the `traceparent` of W3C Trace Context, which holds ids and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from types import SimpleNamespace
from typing import Any

import scriptapps
from scriptapps.conf import scriptapps_settings

HEADER = "traceparent"
LONGEST = 200
"""A longer header is no `traceparent`."""


@cache
def package() -> Any:
    """What we use of OpenTelemetry's API; None if it is not installed."""
    try:
        from opentelemetry import context, trace
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
    except ImportError:
        return None
    return SimpleNamespace(context=context, trace=trace, propagator=TraceContextTextMapPropagator())


def is_on() -> bool:
    """Whether spans are made: the package is there, and the site has not switched them off."""
    return scriptapps_settings.TRACING is not False and package() is not None


def tracer() -> Any:
    """The tracer of whatever provider the site has set. Only while ``is_on()``."""
    return package().trace.get_tracer("scriptapps", scriptapps.__version__)


def current_traceparent() -> str:
    """Where this code stands in a trace, "" if in none."""
    if not is_on():
        return ""
    carrier: dict[str, str] = {}
    package().propagator.inject(carrier)
    return carrier.get(HEADER, "")


def context_of(traceparent: str) -> Any:
    """The context to begin a span in; None for "" and for what is none."""
    if not traceparent or len(traceparent) > LONGEST:
        return None
    otel = package()
    found = otel.propagator.extract({HEADER: traceparent}, otel.context.Context())
    return found if otel.trace.get_current_span(found).get_span_context().is_valid else None


def links_to(traceparents: Iterator[str]) -> list[Any]:
    """A link for each of them that is one."""
    trace = package().trace
    found = [context for text in traceparents if (context := context_of(text)) is not None]
    return [trace.Link(trace.get_current_span(context).get_span_context()) for context in found]


@contextmanager
def continued(traceparent: str) -> Iterator[None]:
    """Code in here stands in the trace of who sent this header, unless something else has begun a span already."""
    if not traceparent or not is_on() or package().trace.get_current_span().get_span_context().is_valid:
        yield
        return
    sent = context_of(traceparent)
    if sent is None:
        yield
        return
    token = package().context.attach(sent)
    try:
        yield
    finally:
        package().context.detach(token)
