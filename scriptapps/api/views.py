"""From an HTTP request to a handler: who asks, how often, may they, and does what they send fit the schema.

Runs on: request threads, in plain views, so that waiting holds no event loop; outside any transaction, because what is
asked has to be seen by others. Invariant: the checks stand in one order for every endpoint, and each ends in a Problem.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NoReturn

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.urls import URLPattern, path
from django.views.decorators.csrf import csrf_exempt

from scriptapps import tracing
from scriptapps.api import rate
from scriptapps.api.authentication import actor_of
from scriptapps.api.call import Call
from scriptapps.api.checking import Schema, problems_of
from scriptapps.api.endpoint import Endpoint
from scriptapps.api.endpoints import ENDPOINTS
from scriptapps.api.openapi import KEY
from scriptapps.api.problems import Problem
from scriptapps.conf import scriptapps_settings
from scriptapps.headers import secure_data


def urlpatterns() -> list[URLPattern]:
    """The addresses of the table; one view for each."""
    routes: dict[str, dict[str, Endpoint]] = {}
    for endpoint in ENDPOINTS:
        routes.setdefault(endpoint.route, {})[endpoint.method] = endpoint
    return [path(route, _view(methods), name=f"api_{_name(methods)}") for route, methods in routes.items()]


def _name(methods: dict[str, Endpoint]) -> str:
    return next(iter(methods.values())).name


def _view(methods: dict[str, Endpoint]) -> Callable[..., HttpResponse]:
    @csrf_exempt  # checked in `actor_of`, for those who come with a cookie
    @login_not_required  # answered with 401, not with a page
    def view(request: HttpRequest, **target: str) -> HttpResponse:
        try:
            with tracing.continued(request.headers.get(tracing.HEADER, "")):
                response = _answer(request, methods, next(iter(target.values()), ""))
        except Problem as problem:
            response = problem.response()
        return secure_data(response)

    for alias in settings.DATABASES:
        view = transaction.non_atomic_requests(using=alias)(view)
    return view


def _answer(request: HttpRequest, methods: dict[str, Endpoint], target: str) -> HttpResponse:
    if not scriptapps_settings.API_ENABLED:
        raise Problem(404, "The API is switched off on this site (SCRIPTAPPS['API_ENABLED']).")
    endpoint = methods.get(request.method or "")
    if endpoint is None:
        allowed = ", ".join(methods)
        raise Problem(405, f"This address takes {allowed}.", headers={"Allow": allowed})
    actor = actor_of(request)
    rate.count(actor.key)
    call = Call(actor, endpoint.method, request.path, target)
    if endpoint.act:
        call.require(endpoint.act)
    params = _params(request, endpoint)
    body = _body(request, endpoint.body()) if endpoint.body else {}
    key = _key(request) if endpoint.body else ""
    return endpoint.handle(Call(actor, endpoint.method, request.path, target, params, body, key))


def _params(request: HttpRequest, endpoint: Endpoint) -> dict[str, Any]:
    """What stands behind the question mark, as its schemas say. Raises Problem (400)."""
    found: dict[str, Any] = {}
    errors: list[tuple[str, str]] = []
    for name, texts in request.GET.lists():
        schema = endpoint.params.get(name)
        if schema is None:
            known = ", ".join(endpoint.params) or "none"
            errors.append((f"?{name}", f"is not known here; known are: {known}"))
            continue
        found[name] = _number(texts[0]) if schema["type"] == "integer" else texts[0]
        errors += problems_of(found[name], schema, f"?{name}")
        if len(texts) > 1:
            errors.append((f"?{name}", "stands there more than once"))
    if errors:
        raise Problem(400, "The address has parameters that do not fit.", errors=errors)
    return found


def _number(text: str) -> Any:
    return int(text) if text.isascii() and text.lstrip("-").isdigit() and len(text) < 20 else text


def _key(request: HttpRequest) -> str:
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return ""
    if errors := problems_of(key, KEY["schema"], "Idempotency-Key"):  # type: ignore[arg-type]
        raise Problem(400, "The Idempotency-Key does not fit.", errors=errors)
    return key


def _body(request: HttpRequest, schema: Schema) -> dict[str, Any]:
    """The JSON object that was sent. Raises Problem (400, 413, 415)."""
    if request.content_type != "application/json":
        raise Problem(415, "The body has to be JSON, with Content-Type: application/json.")
    try:
        given = json.loads(_read(request).decode("utf-8"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as reason:
        raise Problem(400, f"The body is not JSON that can be read: {reason}.") from None
    if errors := problems_of(given, schema):
        raise Problem(400, "The body does not fit; see what the OpenAPI document says about it.", errors=errors)
    found: dict[str, Any] = given
    return found


def _read(request: HttpRequest) -> bytes:
    limit = scriptapps_settings.API_BODY_BYTES
    try:
        data: bytes = request.read(limit + 1)
    except UnreadablePostError:
        raise Problem(400, "The body broke off.") from None
    if len(data) > limit:
        raise Problem(413, f"The body is larger than {limit:,} bytes. Send less, or to fewer sessions at once.")
    return data


def _refuse_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is not JSON")
