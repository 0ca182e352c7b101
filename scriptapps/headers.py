"""The security headers of our own pages: never cached, not sniffed, and a strict Content-Security-Policy.

Runs on: request threads. Invariant: where the site speaks for itself - its own policy middleware, or its own
`scriptapps/base.html` whose needs we cannot know - no policy is added here: it would replace or double the site's.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpResponse
from django.template import TemplateDoesNotExist
from django.template.loader import get_template
from django.templatetags.static import static

from scriptapps.conf import scriptapps_settings

POLICY = "Content-Security-Policy"
# Nothing of these answers is ever a document: should a browser render one, nothing in it may act.
INERT_POLICY = "default-src 'none'; frame-ancestors 'none'; sandbox"
DJANGO_MIDDLEWARE = "django.middleware.csp.ContentSecurityPolicyMiddleware"
DJANGO_CSP_MIDDLEWARE = "csp.middleware.CSPMiddleware"
OWN_TEMPLATES = Path(__file__).resolve().parent / "templates"


def secure_page(response: HttpResponse) -> HttpResponse:
    """Headers for an HTML page or redirect of ours."""
    _secure(response)
    if sends_policy():
        response.headers.setdefault(POLICY, page_policy())
        _allow_frames(response)
    return response


def secure_data(response: HttpResponse) -> HttpResponse:
    """Headers for JSON and bytes."""
    _secure(response)
    response.headers.setdefault(POLICY, INERT_POLICY)
    return response


def page_policy() -> str:
    """The policy of our pages: this site only, nothing inline, no eval, Trusted Types."""
    site = " ".join(["'self'", *static_origins()])
    ancestors = " ".join(scriptapps_settings.FRAME_ANCESTORS) or "'none'"
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src {site}",
            f"style-src {site}",
            "connect-src 'self'",
            f"img-src {site} data:",
            f"font-src {site}",
            "form-action 'self'",
            "base-uri 'none'",
            f"frame-ancestors {ancestors}",
            "require-trusted-types-for 'script'",
        ]
    )


def static_origins() -> list[str]:
    """The origin of static files where it is another than the site's."""
    parts = urlsplit(static("scriptapps/app.js"))
    if not parts.netloc:
        return []
    return [f"{parts.scheme}://{parts.netloc}" if parts.scheme else parts.netloc]


def sends_policy() -> bool:
    """Whether our pages bring a policy: SCRIPTAPPS["SEND_CSP"], or None for "when the site has none of its own"."""
    wanted = scriptapps_settings.SEND_CSP
    if wanted is not None:
        return wanted
    return not site_has_policy() and uses_own_base()


def site_has_policy() -> bool:
    """Whether a known middleware of the site sets a policy: Django's own (6.0 and newer) or django-csp's."""
    if DJANGO_CSP_MIDDLEWARE in settings.MIDDLEWARE:
        return True
    return DJANGO_MIDDLEWARE in settings.MIDDLEWARE and bool(getattr(settings, "SECURE_CSP", None))


def uses_own_base() -> bool:
    """Whether pages are built on the base template of this package rather than one of the site."""
    try:
        origin = get_template("scriptapps/base.html").origin  # type: ignore[attr-defined]
    except TemplateDoesNotExist:
        return False
    return Path(origin.name).resolve().is_relative_to(OWN_TEMPLATES)


def _secure(response: HttpResponse) -> None:
    response.headers["Cache-Control"] = "no-store, private"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "same-origin"


def _allow_frames(response: HttpResponse) -> None:
    # The older header knows only two of the answers; for all others the policy alone speaks.
    ancestors = list(scriptapps_settings.FRAME_ANCESTORS)
    if ancestors == ["'self'"]:
        response.headers.setdefault("X-Frame-Options", "SAMEORIGIN")
    elif ancestors in ([], ["'none'"]):
        response.headers.setdefault("X-Frame-Options", "DENY")
    else:
        response.xframe_options_exempt = True
