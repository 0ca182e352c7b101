"""Who may open a socket: every check before the socket is accepted, in a fixed order.

Runs on: ``check_origin`` anywhere, ``admit`` on the database executor. Invariant: the order is budget, Origin, session
and user, page token, permission, resume; the first "no" ends it and says no more than an HTTP status.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db import Error as DatabaseTrouble
from django.http.request import split_domain_port, validate_host

from scriptapps import identity, script_threads
from scriptapps.identity import Identity
from scriptapps.models import ScriptApp, ScriptSession
from scriptapps.permissions import Decision, decide, may_act
from scriptapps.protocol.codec import SUBPROTOCOL
from scriptapps.registry import EffectiveApp, ScriptSource, registry
from scriptapps.runtime.options import Visitor
from scriptapps.scope import Scope
from scriptapps.shared_sessions import may_join, scope_of


class Refused(Exception):
    """The socket is not accepted. ``status`` is the HTTP status of the refusal, ``why`` is for the log."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status
        self.why = why


@dataclass(frozen=True, slots=True)
class Offer:
    """What the browser put into ``Sec-WebSocket-Protocol``."""

    token: str
    session_id: str
    copy_of: str = ""


@dataclass(frozen=True, slots=True)
class Admitted:
    """A socket that may be accepted. ``session_id`` is the session to go on with, "" for a shared or a new one.

    ``copy_of`` is a session of this browser whose state a new one begins with: a tab was duplicated. ``observes``: the
    session is somebody else's, and is only watched.
    """

    identity: Identity
    visitor: Visitor
    source: ScriptSource
    row: ScriptApp
    effective: EffectiveApp
    session_id: str
    copy_of: str = ""
    observes: bool = False


def read_offer(subprotocols: list[str]) -> Offer:
    """Token and session id. Raises Refused(400) when the protocol is not ours."""
    if SUBPROTOCOL not in subprotocols:
        raise Refused(400, "the browser does not offer the protocol " + SUBPROTOCOL)
    values = dict(item.split(".", 1) for item in subprotocols if "." in item and item != SUBPROTOCOL)
    return Offer(values.get("token", ""), values.get("session", ""), values.get("copy", ""))


def check_origin(scope: dict[str, Any], headers: dict[bytes, bytes]) -> None:
    """Raises Refused(403) unless Origin is exactly this site (scheme, host and port) or a trusted one."""
    origin = headers.get(b"origin", b"").decode("latin-1")
    host = _host(headers)
    if not validate_host(split_domain_port(host)[0], _allowed_hosts()):
        raise Refused(400, f"the host {host!r} is not in ALLOWED_HOSTS")
    if not origin or origin == "null":
        raise Refused(403, "no Origin")
    if origin.lower() == f"{_scheme(scope, headers)}://{host}".lower():
        return
    if not any(_matches_trusted(origin, trusted) for trusted in settings.CSRF_TRUSTED_ORIGINS):
        raise Refused(403, f"the Origin {origin!r} is neither this site nor in CSRF_TRUSTED_ORIGINS")


def _allowed_hosts() -> list[str]:
    if settings.DEBUG and not settings.ALLOWED_HOSTS:
        return [".localhost", "127.0.0.1", "[::1]"]
    return list(settings.ALLOWED_HOSTS)


def _host(headers: dict[bytes, bytes]) -> str:
    name = b"x-forwarded-host" if settings.USE_X_FORWARDED_HOST and b"x-forwarded-host" in headers else b"host"
    return headers.get(name, b"").decode("latin-1")


def _scheme(scope: dict[str, Any], headers: dict[bytes, bytes]) -> str:
    if settings.SECURE_PROXY_SSL_HEADER:
        name, secure_value = settings.SECURE_PROXY_SSL_HEADER
        raw = headers.get(name.removeprefix("HTTP_").replace("_", "-").lower().encode())
        if raw is not None:
            return "https" if raw.decode("latin-1").split(",")[0].strip() == secure_value else "http"
    return "https" if scope.get("scheme") == "wss" else "http"


def _matches_trusted(origin: str, trusted: str) -> bool:
    if "*" not in trusted:
        return origin.lower() == trusted.lower()
    ours, theirs = urlsplit(trusted), urlsplit(origin)
    return ours.scheme == theirs.scheme and theirs.netloc.lower().endswith(ours.netloc.lower().lstrip("*"))


def admit(slug: str, session_key: str | None, offer: Offer) -> Admitted:
    """All checks that need the database. Raises Refused, with 503 while it does not answer."""
    try:
        return _admit(slug, session_key, offer)
    except DatabaseTrouble as error:
        raise Refused(503, f"the database does not answer ({type(error).__name__})") from error


def _admit(slug: str, session_key: str | None, offer: Offer) -> Admitted:
    who = identity.load_identity(session_key)
    if not who.binding:
        raise Refused(403, "no session of this browser with a page of ours")
    if identity.is_page_token(offer.token, who.binding, observing(slug, offer.session_id)):
        return _admit_observer(slug, who, offer.session_id)
    if not identity.is_page_token(offer.token, who.binding, slug):
        raise Refused(403, "the page's token is missing or wrong")
    source = registry.find(slug)
    row = registry.script_app(source) if source else None
    effective = registry.effective(source, row) if source else None
    decision = decide(who.user, effective)
    if decision is not Decision.ALLOW or source is None or row is None or effective is None:
        raise Refused(404 if decision is Decision.GONE else 403, f"the script app is {decision.value}")
    visitor, session_id = visitor_of(who), offer.session_id
    if session_id:
        resumed = resumable_row(session_id, who.binding, who.user, slug)
        if resumed is None:
            raise Refused(403, "the session to resume is not this browser's")
        if resumed.scope == Scope.BROWSER and scope_of(effective.scope, visitor.user_id) is Scope.USER:
            # A guest has signed in: to the session that this person has, or what the guest did becomes it.
            session_id = ""
    may_copy = offer.copy_of and resumable_row(offer.copy_of, who.binding, who.user, slug) is not None
    return Admitted(who, visitor, source, row, effective, session_id, offer.copy_of if may_copy else "")


def observing(slug: str, session_id: str) -> str:
    """What the token of a page is for that watches this session and nothing else."""
    return f"{slug}:observe:{session_id}"


def _admit_observer(slug: str, who: Identity, session_id: str) -> Admitted:
    # Watching is a right of its own: it neither needs nor gives the right to open the script app.
    if not may_act(who.user, "observe"):
        raise Refused(403, "no permission to watch sessions")
    row = observable_row(session_id, slug)
    source = registry.find(slug)
    if row is None or source is None:
        raise Refused(404, "the session to watch is not there any more")
    effective = registry.effective(source, row.script_app)
    return Admitted(who, visitor_of(who), source, row.script_app, effective, str(row.pk), observes=True)


def observable_row(session_id: str, slug: str) -> ScriptSession | None:
    """The row of a session that can be watched: of this script app, and not closed."""
    try:
        key = uuid.UUID(session_id)
    except ValueError:
        return None
    rows = ScriptSession.objects.filter(pk=key, script_app__slug=slug).exclude(state=ScriptSession.State.CLOSED)
    return rows.select_related("script_app").first()


def visitor_of(who: Identity) -> Visitor:
    """The person of an identity, as live sessions know them."""
    user_id = getattr(who.user, "pk", None)
    return Visitor(
        load_user=lambda: script_threads.load_user(user_id),
        session_key=who.session_key,
        user_id=user_id,
        user_name=str(who.user),
        binding=identity.binding_hash(who.binding),
    )


def resumable_row(session_id: str, binding: str, user: Any, slug: str) -> ScriptSession | None:
    """The row of a session that this browser may go on with: not closed, and ``may_join``."""
    try:
        key = uuid.UUID(session_id)
    except ValueError:
        return None
    row = ScriptSession.objects.filter(pk=key, script_app__slug=slug).exclude(state=ScriptSession.State.CLOSED).first()
    if row is None or not may_join(row, identity.binding_hash(binding), getattr(user, "pk", None)):
        return None
    return row
