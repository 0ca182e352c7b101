"""Gives a watching socket its token, as the page in the admin does.

Runs on: request threads of the measured site.
"""

from uuid import UUID

from django.http import HttpRequest, HttpResponse

from scriptapps.handshake import observing
from scriptapps.identity import bind, page_token


def token(request: HttpRequest, slug: str, session_id: UUID) -> HttpResponse:
    """For whoever is signed in; the handshake asks whether they may."""
    return HttpResponse(page_token(bind(request), observing(slug, str(session_id))))
