"""A policy middleware as others write it: it fills in where no view has spoken. Runs on: pytest."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse


def other_policy(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Send `default-src 'self'`."""

    def policy(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response.headers.setdefault("Content-Security-Policy", "default-src 'self'")
        return response

    return policy
