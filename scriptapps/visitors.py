"""The script sessions of whoever sent a request: for views of the site that act on the caller's own pages.

Runs on: request threads. Invariant: what is returned is the caller's, by the Django session that the request's cookie
names; nothing that a request merely says (an id, a header) adds to it.
"""

from __future__ import annotations

from django.db.models import Q
from django.http import HttpRequest

from scriptapps import identity
from scriptapps.models import ScriptSession, ScriptSessionQuerySet


def sessions_of(request: HttpRequest) -> ScriptSessionQuerySet:
    """The open script sessions of this browser, and of its signed-in user where a script app is shared by user.

    Empty for visitors without a session cookie. Filter it (``.filter(script_app__slug=...)``), steer it (``.rerun()``).
    """
    binding = request.session.get(identity.BINDING_KEY) if hasattr(request, "session") else None
    if not binding:
        return ScriptSession.objects.none()
    user_id = getattr(getattr(request, "user", None), "pk", None)
    mine = Q(binding=identity.binding_hash(binding)) & (Q(user=None) | Q(user=user_id))
    if user_id is not None:
        mine |= Q(user=user_id, scope="user")
    return ScriptSession.objects.filter(mine).exclude(state=ScriptSession.State.CLOSED)
