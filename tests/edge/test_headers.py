"""A strict policy of our own, which steps back where the site speaks for itself."""

import pytest
from django.test import Client

from scriptapps import headers

pytestmark = pytest.mark.django_db
POLICY = "Content-Security-Policy"
STRICT = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'self'; "
    "require-trusted-types-for 'script'"
)


@pytest.fixture
def page(folder, node, client: Client):
    folder.write("open.py", "# access: public\n")

    def fetch():
        return client.get("/apps/open/")

    return fetch


@pytest.fixture
def bare(settings):
    """A site without a policy middleware of its own."""
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if not name.startswith("project.")]
    return settings


def test_the_strict_policy(bare, page):
    response = page()
    assert response.headers[POLICY] == STRICT
    assert response.headers["X-Frame-Options"] == "SAMEORIGIN"


def test_a_middleware_that_fills_in_leaves_ours(page):
    assert page().headers[POLICY] == STRICT


@pytest.mark.parametrize(
    ("ancestors", "directive", "older"),
    [
        ([], "'none'", "DENY"),
        (["'none'"], "'none'", "DENY"),
        (["'self'"], "'self'", "SAMEORIGIN"),
        (["'self'", "https://intranet.example"], "'self' https://intranet.example", None),
    ],
)
def test_who_may_frame_us(bare, folder, page, ancestors, directive, older):
    bare.SCRIPTAPPS = {"DIRS": [folder.path], "FRAME_ANCESTORS": ancestors}
    response = page()
    assert f"frame-ancestors {directive};" in response.headers[POLICY]
    assert response.headers.get("X-Frame-Options") == older


@pytest.mark.parametrize(
    ("static_url", "origins"),
    [
        ("static/", []),
        ("/static/", []),
        ("https://cdn.example/s/", ["https://cdn.example"]),
        ("//cdn.example:8443/s/", ["cdn.example:8443"]),
    ],
)
def test_static_files_from_elsewhere(bare, page, static_url, origins):
    bare.STATIC_URL = static_url
    assert headers.static_origins() == origins
    sources = " ".join(["'self'", *origins])
    policy = page().headers[POLICY]
    for directive in ("script-src", "style-src", "font-src"):
        assert f"{directive} {sources};" in policy
    assert "connect-src 'self';" in policy


def test_hashed_static_files(bare, page, tmp_path):
    bare.STORAGES = {
        **bare.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"},
    }
    bare.STATIC_ROOT = tmp_path
    (tmp_path / "staticfiles.json").write_text(
        '{"version": "1.1", "hash": "", "paths": {"scriptapps/app.js": "scriptapps/app.0a1b2c3d.js",'
        ' "scriptapps_pages/pages.css": "scriptapps_pages/pages.4e5f6a7b.css"}}'
    )
    bare.STATICFILES_FINDERS = ["tests.site.finders.NothingFinder"]
    content = page().content.decode()
    assert 'src="/static/scriptapps/app.0a1b2c3d.js"' in content
    assert 'href="/static/scriptapps_pages/pages.4e5f6a7b.css"' in content


def test_djangos_own_policy_is_in_charge(bare, page):
    name = "django.middleware.csp.ContentSecurityPolicyMiddleware"
    bare.MIDDLEWARE = [*bare.MIDDLEWARE, "tests.site.policies.other_policy"]
    assert page().headers[POLICY] == STRICT
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(headers, "DJANGO_MIDDLEWARE", "tests.site.policies.other_policy")
        assert page().headers[POLICY] == STRICT, "an empty SECURE_CSP is no policy"
        bare.SECURE_CSP = {"default-src": ["'self'"]}
        response = page()
        assert response.headers[POLICY] == "default-src 'self'"
        assert response.headers["X-Frame-Options"] == "DENY"
    assert name == headers.DJANGO_MIDDLEWARE


def test_django_csp_is_in_charge(bare, page, monkeypatch):
    bare.MIDDLEWARE = [*bare.MIDDLEWARE, "tests.site.policies.other_policy"]
    monkeypatch.setattr(headers, "DJANGO_CSP_MIDDLEWARE", "tests.site.policies.other_policy")
    assert page().headers[POLICY] == "default-src 'self'"


def test_a_site_with_its_own_base_template_is_in_charge(bare, page, tmp_path, folder):
    own = tmp_path / "templates" / "scriptapps"
    own.mkdir(parents=True)
    (own / "base.html").write_text("<title>{% block title %}{% endblock %}</title>{% block content %}{% endblock %}")
    bare.TEMPLATES = [{**bare.TEMPLATES[0], "DIRS": [tmp_path / "templates"]}]
    response = page()
    assert b"<script-app" in response.content
    assert POLICY not in response.headers
    bare.SCRIPTAPPS = {"DIRS": [folder.path], "SEND_CSP": True}
    assert page().headers[POLICY] == STRICT


def test_the_policy_can_be_switched_off(page, folder, settings):
    settings.SCRIPTAPPS = {"DIRS": [folder.path], "SEND_CSP": False}
    policy = page().headers[POLICY]
    assert policy.startswith("default-src 'self'"), "the site's own middleware speaks"
