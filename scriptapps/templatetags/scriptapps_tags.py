"""`{% load scriptapps_tags %}{% script_app "orders" %}`: a script app in the middle of any page of the site.

Runs on: request threads. Invariant: the same policy as on the app's own page; who may not open it sees a short notice.
"""

from __future__ import annotations

from typing import Any

from django import template
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest
from django.template.context import Context
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from scriptapps import shell
from scriptapps.permissions import message_while_disabled
from scriptapps.views import admit

register = template.Library()
# Set on the request once the page carries the module map and the client.
CARRIED = "_scriptapps_client_carried"


@register.simple_tag(takes_context=True)
def script_app(context: Context, slug: str) -> SafeString:
    """The script app `slug` as an element of this page. Several may stand on one page; the client is loaded once.

    Raises ImproperlyConfigured when the template is rendered without a request.
    """
    request: HttpRequest | None = context.get("request")
    if request is None:
        raise ImproperlyConfigured(
            "{% script_app %} needs the request: render with a request and list "
            "django.template.context_processors.request among the context processors."
        )
    admission = admit(request, slug)
    next_path = request.get_full_path()
    parts = admission.parts()
    if parts is None:
        notice = {"state": admission.decision.value, "login_url": shell.sign_in_url(next_path)}
        notice["message"] = message_while_disabled(request.user, admission.effective)
        return render_to_string("scriptapps/notice.html", notice, request=request)
    values: dict[str, Any] = {
        "attributes": shell.live_attributes(request, *parts, next_path=next_path),
        "modules": None if getattr(request, CARRIED, False) else shell.lazy_modules(),
    }
    setattr(request, CARRIED, True)
    return render_to_string("scriptapps/element.html", values, request=request)
