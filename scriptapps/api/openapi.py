"""The OpenAPI 3.1 document, made from the table of endpoints.

Runs on: request threads. Invariant: nothing is written down here that the table or the schemas know.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.urls import reverse

import scriptapps
from scriptapps.api import schemas
from scriptapps.api.endpoint import Endpoint
from scriptapps.api.problems import CONTENT_TYPE

KEY_PATTERN = r"^[\x21-\x7e]+$"
KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "The same key with the same request is carried out once, and answered as the first time.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": KEY_PATTERN},
}
REFUSALS = {
    400: "The request cannot be understood: what is wrong, and where.",
    401: "Nobody is signed in, or the token is not valid (any more).",
    403: "The actor may not do this, or the CSRF token is missing.",
    404: "It does not exist, or not for this actor.",
    409: "A request with the same Idempotency-Key failed at the same time.",
    413: "The body is too large.",
    415: "The body is not application/json.",
    422: "The Idempotency-Key was used for another request.",
    429: "Too many requests in a minute.",
}
FOR_BODIES = (409, 413, 415, 422)
HEADERS = {
    401: {"WWW-Authenticate": {"description": "How to identify oneself.", "schema": {"type": "string"}}},
    429: {"Retry-After": {"description": "Seconds until the next minute.", "schema": {"type": "integer"}}},
}
SCHEMAS = {
    "Session": schemas.SESSION,
    "SessionList": schemas.SESSION_LIST,
    "SessionValues": schemas.SESSION_VALUES,
    "Report": schemas.REPORT,
    "Request": schemas.REQUEST,
    "Problem": schemas.PROBLEM,
    "Document": {"type": "object", "description": "OpenAPI 3.1."},
}
ABOUT = (
    "Script sessions of this site: found, looked into, steered. Programs send a bearer token, which the site's staff "
    "make in the admin; pages of the site use its session and send its CSRF token as X-CSRFToken with each POST."
)


def document(endpoints: Iterable[Endpoint]) -> dict[str, Any]:
    """The document for this site, with its limits and addresses."""
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.address, {})[endpoint.method.lower()] = _operation(endpoint)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Script apps", "version": scriptapps.__version__, "description": ABOUT},
        "servers": [{"url": reverse("scriptapps:index").rstrip("/") or "/"}],
        "paths": paths,
        "security": [{"token": []}, {"session": []}],
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "session": {"type": "apiKey", "in": "cookie", "name": settings.SESSION_COOKIE_NAME},
            },
        },
    }


def statuses(endpoint: Endpoint) -> list[int]:
    """Every status that the endpoint answers with."""
    refused = [400, 401, 403, 429]
    if endpoint.target:
        refused.append(404)
    if endpoint.body is None:
        return [200, *sorted(refused)]
    return [200, 202, *sorted([*refused, *FOR_BODIES])]


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": endpoint.name,
        "summary": endpoint.summary,
        "parameters": list(_parameters(endpoint)),
        "responses": {str(status): _response(endpoint, status) for status in statuses(endpoint)},
    }
    if endpoint.act:
        operation["description"] = f"Needs the act “{endpoint.act}”."
    if endpoint.body is not None:
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": endpoint.body()}}}
    return operation


def _parameters(endpoint: Endpoint) -> Iterable[dict[str, Any]]:
    if endpoint.target:
        schema = schemas.NUMBER if endpoint.target == "request_id" else schemas.UUID_TEXT
        yield {"name": endpoint.target, "in": "path", "required": True, "schema": schema}
    for name, described in endpoint.params.items():
        yield {"name": name, "in": "query", "schema": described}
    if endpoint.body is not None:
        yield KEY


def _response(endpoint: Endpoint, status: int) -> dict[str, Any]:
    if status < 300:
        words = "Asked; it has not ended everywhere yet." if status == 202 else "Done."
        content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{endpoint.answers}"}}}
    else:
        words, content = REFUSALS[status], {CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    headers = HEADERS.get(status)
    return {"description": words, "content": content, **({"headers": headers} if headers else {})}
