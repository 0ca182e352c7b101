"""Watching a session from the admin: its page, live and read only, and a copy of it to try things in.

Runs on: request threads. Invariant: watching needs its own permission, asked again at the socket and at each beat; a
copy needs the permission to see values and the right to open the script app; both are in the audit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.template.response import TemplateResponse
from django.urls import NoReverseMatch, path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from scriptapps import audit, shell
from scriptapps.handshake import observing
from scriptapps.headers import secure_data
from scriptapps.identity import bind, fingerprint, page_token
from scriptapps.models import ScriptSession
from scriptapps.permissions import Decision, decide, may_act
from scriptapps.registry import registry

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin

    Base = ModelAdmin[ScriptSession]
else:
    Base = object

VIA = "admin"


class Observing(Base):
    """Part of the admin of sessions."""

    def observing_urls(self) -> list[Any]:
        """Addresses of the page, of what its socket asks, and of the copy."""
        view, name = self.admin_site.admin_view, "scriptapps_scriptsession"
        return [
            path("<uuid:session_id>/observe/", view(require_safe(self.observe_view)), name=f"{name}_observe"),
            path("<uuid:session_id>/observe/status/", view(require_safe(self.observe_status)), name=f"{name}_status"),
            path("<uuid:session_id>/copy/", view(require_POST(self.copy_view)), name=f"{name}_copy"),
        ]

    def may_observe(self, request: HttpRequest, session: ScriptSession | None) -> bool:
        """Whether there is a page to watch, and this person may."""
        if session is None or session.state == ScriptSession.State.CLOSED or not may_act(request.user, "observe"):
            return False
        try:
            reverse("scriptapps:socket", args=[session.script_app.slug])
        except NoReverseMatch:
            # The site has not mounted script apps.
            return False
        return True

    def may_copy(self, request: HttpRequest, session: ScriptSession | None) -> bool:
        """Whether this person may see its values and open its script app."""
        if session is None or not may_act(request.user, "view values"):
            return False
        source = registry.find(session.script_app.slug)
        effective = registry.effective(source, session.script_app) if source else None
        return decide(request.user, effective) is Decision.ALLOW

    def observe_view(self, request: HttpRequest, session_id: Any) -> HttpResponse:
        """The page as the user sees it. Opening it is an act and goes into the audit."""
        session = self._session(request, session_id)
        if not self.may_observe(request, session):
            raise PermissionDenied
        source = registry.find(session.script_app.slug)
        title = registry.effective(source, session.script_app).title if source else str(session.script_app)
        attributes = shell.observing_attributes(request, session, title)
        site = self.admin_site.name
        attributes["status-url"] = reverse(f"{site}:scriptapps_scriptsession_status", args=[session.pk])
        with transaction.atomic():
            audit.record("observe", by=request.user, via=VIA, session=session)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Watching %(title)s") % {"title": title},
            "subtitle": session.user.get_username() if session.user else _("anonymous"),
            "opts": self.opts,
            "original": session,
            "attributes": attributes,
            "modules": shell.lazy_modules(),
            "may_copy": self.may_copy(request, session),
        }
        return TemplateResponse(request, "scriptapps/admin/observe.html", context)

    def observe_status(self, request: HttpRequest, session_id: Any) -> HttpResponse:
        """Why a watching socket was refused, in the words of a page's status document."""
        session = ScriptSession.objects.filter(pk=session_id).select_related("script_app").first()
        is_open = session is not None and session.state != ScriptSession.State.CLOSED
        state = "forbidden" if not may_act(request.user, "observe") else "ok" if is_open else "gone"
        document = {"state": state, "token": "", "fingerprint": "", "login_url": "", "resume": True, "session": ""}
        if session is not None and state == "ok":
            binding = bind(request)
            document |= {
                "token": page_token(binding, observing(session.script_app.slug, str(session.pk))),
                "fingerprint": fingerprint(binding),
            }
        return secure_data(JsonResponse(document))

    def copy_view(self, request: HttpRequest, session_id: Any) -> HttpResponse:
        """The script app, for the person who asks, beginning with what this session holds."""
        session = self._session(request, session_id)
        if not self.may_copy(request, session):
            raise PermissionDenied
        slug = session.script_app.slug
        with transaction.atomic():
            audit.record("copy", by=request.user, via=VIA, session=session)
        request.session[shell.COPY_KEY] = {slug: str(session.pk)}
        return HttpResponseRedirect(session.script_app.get_absolute_url())

    def _session(self, request: HttpRequest, session_id: Any) -> ScriptSession:
        session = ScriptSession.objects.filter(pk=session_id).select_related("script_app", "user").first()
        if session is None:
            raise Http404
        if not self.has_view_permission(request, session):
            raise PermissionDenied
        return session
