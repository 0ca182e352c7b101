"""What the server puts around a script app: the custom element's attributes, its lazy modules, the way to sign in.

Runs on: request threads. Used by the page view and by the template tag alike.
Invariant: nothing in here decides who may open what; it is called after the policy said yes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.contrib.staticfiles import finders
from django.http import HttpRequest
from django.shortcuts import resolve_url
from django.templatetags.static import static
from django.urls import reverse
from django.utils.timezone import localtime

from scriptapps import identity
from scriptapps.conf import scriptapps_settings
from scriptapps.handshake import observing
from scriptapps.identity import Identity
from scriptapps.models import SavedSnapshot, ScriptApp, ScriptSession
from scriptapps.node import get_node
from scriptapps.registry import EffectiveApp, ScriptSource
from scriptapps.shared_sessions import scope_of

LAZY_MODULES = "scriptapps/elements"
COPY_KEY = "_scriptapps_copy"
"""In the Django session: the session whose copy the next page of a script app shows, by slug."""
# What an absent attribute looks like to the template.
Attributes = dict[str, str]


def own_url(request: HttpRequest, name: str, *args: Any) -> str:
    """Address of one of our views, in the instance of the URLconf that the request came through."""
    match = request.resolver_match
    current = match.namespace if match and "scriptapps" in match.app_names else None
    return reverse(f"scriptapps:{name}", args=args, current_app=current)


def sign_in_url(next_path: str) -> str:
    """Where to sign in, coming back to `next_path`."""
    return redirect_to_login(next_path, resolve_url(scriptapps_settings.LOGIN_URL)).url


def live_attributes(
    request: HttpRequest, source: ScriptSource, row: ScriptApp, effective: EffectiveApp, next_path: str
) -> Attributes:
    """Attributes of a `<script-app>` that runs; binds the browser and may start the first run ahead of the socket."""
    binding = identity.bind(request)
    attributes = {
        "socket-url": own_url(request, "socket", source.slug),
        "status-url": own_url(request, "status", source.slug),
        "token": identity.page_token(binding, source.slug),
        "fingerprint": identity.fingerprint(binding),
        "session": preheated(request, binding, source, row),
        "page-title": effective.title,
        "login-url": sign_in_url(next_path),
    }
    scope = scope_of(effective.scope, request.user.pk)
    if scope.is_shared:
        attributes["scope"] = scope
    if settings.DEBUG:
        attributes["debug-mode"] = "true"
    if request.user.is_authenticated:
        attributes["user-name"] = request.user.get_username()
    return attributes


def observing_attributes(request: HttpRequest, row: ScriptSession, title: str) -> Attributes:
    """Attributes of a `<script-app>` that watches somebody's session. `status-url` is the caller's to add."""
    binding = identity.bind(request)
    slug = row.script_app.slug
    return {
        "socket-url": reverse("scriptapps:socket", args=[slug]),
        "token": identity.page_token(binding, observing(slug, str(row.pk))),
        "fingerprint": identity.fingerprint(binding),
        "session": str(row.pk),
        # Its page takes no tab lease, like one that several share.
        "scope": "observe",
        "page-title": title,
        "login-url": sign_in_url(request.get_full_path()),
    }


def frozen_attributes(request: HttpRequest, snapshot: SavedSnapshot, effective: EffectiveApp) -> Attributes:
    """Attributes of a `<script-app>` that shows a saved snapshot: no socket, nothing to press."""
    attributes = {
        "frozen-url": own_url(request, "saved_data", effective.slug, snapshot.pk),
        "page-title": snapshot.title or effective.title,
        "saved-at": localtime(snapshot.created).isoformat(timespec="seconds")
        if settings.USE_TZ
        else snapshot.created.isoformat(timespec="seconds"),
    }
    if snapshot.user is not None:
        attributes["saved-by"] = snapshot.user.get_username()
    return attributes


def preheated(request: HttpRequest, binding: str, source: ScriptSource, row: ScriptApp) -> str:
    """The session for this page, its first run begun; "" where none is wanted, as for a page that is prefetched."""
    speculative = request.headers.get("Sec-Purpose", request.headers.get("Purpose", ""))
    if not scriptapps_settings.PREHEAT or request.method != "GET" or "prefetch" in speculative:
        return ""
    if request.session.session_key is None or request.session.modified:
        # The run answers for a binding that the session store knows, and may begin before this response is made.
        request.session.save()
    who = Identity(request.session.session_key, binding, request.user)
    if copy := request.session.get(COPY_KEY, {}).get(source.slug):
        # The next page of this script app is the copy that was asked for; the one after that is an ordinary one.
        request.session[COPY_KEY] = {}
        return get_node().opening.copy(who, source, row, copy)
    return get_node().opening.preheat(who, source, row)


def lazy_modules() -> dict[str, str]:
    """Address of the code of each element kind that loads on first use, by its file's name."""
    found: dict[str, str] = {}
    for folder in _module_folders():
        for path in sorted(folder.glob("*.js")):
            found.setdefault(path.stem, static(f"{LAZY_MODULES}/{path.name}"))
    return found


def _module_folders() -> list[Path]:
    # Found like any static file, so that other apps may bring kinds of their own.
    if "django.contrib.staticfiles" in settings.INSTALLED_APPS:
        return [Path(folder) for folder in finders.find(LAZY_MODULES, find_all=True)]
    return [Path(__file__).resolve().parent / "static" / LAZY_MODULES]
