"""Who sends a request: a person by the site's own session, or a program by a bearer token.

Runs on: request threads. Invariant: a request that shows a token is judged by the token alone; one that does not, and
changes anything, passes Django's own CSRF check.
"""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import CsrfViewMiddleware

from scriptapps.api import rate
from scriptapps.api.problems import Problem
from scriptapps.models import ApiToken
from scriptapps.permissions import Actor

CHALLENGE = {"WWW-Authenticate": 'Bearer realm="script apps"'}
SAFE_METHODS = ("GET", "HEAD", "OPTIONS", "TRACE")


class _Reason(CsrfViewMiddleware):
    """Django's check, which here only says why not."""

    def _reject(self, request: HttpRequest, reason: str) -> Any:
        return reason


def actor_of(request: HttpRequest) -> Actor:
    """Whoever sent it, read freshly. Raises Problem: 401, 403 for a missing CSRF token, 429."""
    scheme, _space, text = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return _of_token(request, text.strip())
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated or not user.is_active:
        rate.count(f"address:{request.META.get('REMOTE_ADDR', '')}")
        raise Problem(401, "Nobody is signed in. Sign in to the site, or send a token.", headers=CHALLENGE)
    if request.method not in SAFE_METHODS:
        _check_csrf(request)
    return Actor(user)


def _of_token(request: HttpRequest, text: str) -> Actor:
    token = ApiToken.of_text(text)
    # One answer for what never was a token and for what is one no more, except to who holds it.
    refusal = token.refusal() if token else "There is no such token."
    if token is None or refusal:
        rate.count(f"address:{request.META.get('REMOTE_ADDR', '')}")
        detail = f"{refusal} Ask the staff of the site for another one."
        raise Problem(
            401, detail, headers={"WWW-Authenticate": CHALLENGE["WWW-Authenticate"] + ', error="invalid_token"'}
        )
    token.note_use()
    return Actor(token.user, token)


def _check_csrf(request: HttpRequest) -> None:
    check = _Reason(_no_view)
    check.process_request(request)
    if reason := check.process_view(request, _no_view, (), {}):
        raise Problem(
            403, f"{reason} Send the site's CSRF token as X-CSRFToken, or use a token instead of the session."
        )


def _no_view(request: HttpRequest) -> HttpResponse:
    return HttpResponse()
