"""The demo site's Content-Security-Policy: nothing inline, nothing from elsewhere, no eval.

Runs on: the request thread, or the event loop where the view is async. Script apps must work under it.
"""

from collections.abc import Awaitable, Callable

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import sync_and_async_middleware

POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; object-src 'none'; "
    "base-uri 'self'; form-action 'self'; frame-ancestors 'self'"
)
TRUSTED_TYPES = "; require-trusted-types-for 'script'"

View = Callable[[HttpRequest], HttpResponse] | Callable[[HttpRequest], Awaitable[HttpResponse]]


def add_policy(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """Set the header, except on Django's own error pages, which bring inline styles."""
    if response.status_code < 500:
        # Admin writes markup with jQuery, which knows no Trusted Types.
        in_admin = request.path.startswith("/admin/")
        response.headers.setdefault("Content-Security-Policy", POLICY if in_admin else POLICY + TRUSTED_TYPES)
    return response


@sync_and_async_middleware
def content_security_policy(get_response: View) -> View:
    """Send the site's policy with every page."""
    if iscoroutinefunction(get_response):

        async def policy_async(request: HttpRequest) -> HttpResponse:
            return add_policy(request, await get_response(request))

        return policy_async

    def policy(request: HttpRequest) -> HttpResponse:
        return add_policy(request, get_response(request))  # type: ignore[arg-type]

    return policy
