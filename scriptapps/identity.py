"""Whose browser this is: the binding, what a page proves with, and what a socket's cookie says.

Runs on: request threads and the database executor. Invariant: the binding lives inside the Django session, so it
survives ``cycle_key`` at login and dies with ``flush`` at logout; reading an identity never changes the session.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from http.cookies import SimpleCookie
from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user_model, load_backend
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare, salted_hmac

BINDING_KEY = "_scriptapps_binding"


@dataclass(frozen=True, slots=True)
class Identity:
    """What a browser's session cookie says. ``user`` is a user or AnonymousUser; ``binding`` "" if it has none."""

    session_key: str | None
    binding: str
    user: Any
    auth_hash: str = ""


def bind(request: HttpRequest) -> str:
    """The binding of this browser, made at the first page."""
    binding: str | None = request.session.get(BINDING_KEY)
    if not binding:
        binding = secrets.token_hex(16)
        request.session[BINDING_KEY] = binding
        # Sessions that are opened with it are checked against the store, maybe before this request ends.
        request.session.save()
    return binding


def binding_hash(binding: str) -> str:
    """What rows hold instead of the binding: 64 hex digits."""
    return salted_hmac("scriptapps.binding", binding, algorithm="sha256", secret="scriptapps").hexdigest()


def fingerprint(binding: str) -> str:
    """What a tab remembers, to notice that its session id belongs to another sign-in."""
    return binding_hash(binding)[:16]


def page_token(binding: str, slug: str) -> str:
    """What a page's socket shows to prove that a page of ours opened it; another site cannot read it."""
    return _token(binding, slug, settings.SECRET_KEY)


def is_page_token(token: str, binding: str, slug: str) -> bool:
    """Whether a token is genuine, also after the secret key was rotated with fallbacks."""
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return any(constant_time_compare(token, _token(binding, slug, key)) for key in keys)


def _token(binding: str, slug: str, secret: str | bytes) -> str:
    return salted_hmac("scriptapps.page_token", f"{binding}:{slug}", secret=secret, algorithm="sha256").hexdigest()


def session_cookie(headers: dict[bytes, bytes]) -> str | None:
    """The value of the browser's session cookie in ASGI headers."""
    cookie: SimpleCookie = SimpleCookie()
    try:
        cookie.load(headers.get(b"cookie", b"").decode("latin-1"))
    except Exception:  # a malformed cookie header is no cookie
        return None
    morsel = cookie.get(settings.SESSION_COOKIE_NAME)
    return morsel.value if morsel else None


def session_store(session_key: str | None) -> SessionBase:
    """The Django session of this key, not yet loaded."""
    engine = import_module(settings.SESSION_ENGINE)
    store: SessionBase = engine.SessionStore(session_key)
    return store


def load_identity(session_key: str | None) -> Identity:
    """Who the browser with this session cookie is now. Queries; changes nothing."""
    if not session_key:
        return Identity(None, "", AnonymousUser())
    return identity_of(session_key, session_store(session_key))


def identity_of(session_key: str, session: Any) -> Identity:
    """The identity in a loaded session (a mapping)."""
    binding = session.get(BINDING_KEY) or ""
    auth_hash = session.get(HASH_SESSION_KEY) or ""
    user = _user_of(session, auth_hash)
    return Identity(session_key, binding, user or AnonymousUser(), auth_hash if user else "")


def _user_of(session: Any, auth_hash: str) -> Any:
    try:
        user_id = get_user_model()._meta.pk.to_python(session[SESSION_KEY])
        backend_path = session[BACKEND_SESSION_KEY]
    except KeyError:
        return None
    if backend_path not in settings.AUTHENTICATION_BACKENDS:
        return None
    user = load_backend(backend_path).get_user(user_id)
    return user if user is not None and is_auth_hash(user, auth_hash) else None


def is_auth_hash(user: Any, auth_hash: str) -> bool:
    """Whether a session's hash is the user's current one (it changes with the password)."""
    if not hasattr(user, "get_session_auth_hash"):
        return True
    if constant_time_compare(auth_hash, user.get_session_auth_hash()):
        return True
    fallbacks = getattr(user, "get_session_auth_fallback_hash", None)
    return fallbacks is not None and any(constant_time_compare(auth_hash, old) for old in fallbacks())
