"""Answers that say no: RFC 9457 documents for people, with what was wrong and what to do.

Runs on: request threads. Invariant: no answer of the API that says no is anything else.
"""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from django.http import JsonResponse

from scriptapps.headers import secure_data

CONTENT_TYPE = "application/problem+json"


class Problem(Exception):
    """Raised by anything that handles a request; becomes the answer. ``errors`` are (JSON pointer, what) pairs."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        errors: Sequence[tuple[str, str]] = (),
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.errors = list(errors)
        self.headers = headers or {}

    def response(self) -> JsonResponse:
        """The document."""
        document: dict[str, Any] = {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
        }
        if self.errors:
            document["errors"] = [{"pointer": pointer, "detail": what} for pointer, what in self.errors]
        response = JsonResponse(document, status=self.status, content_type=CONTENT_TYPE, headers=self.headers)
        secure_data(response)
        return response
