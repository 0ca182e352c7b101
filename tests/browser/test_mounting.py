"""The README works as advertised: the wheel, an empty folder, its steps to the letter, and a page that reacts.

Runs on: pytest with Chromium; installs the wheel's dependencies into an environment outside the repository.
"""

import re
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.readme_steps import StepRunner, blocks_of
from tests.browser.site_server import free_port
from tests.browser.visitor import Visitor

README = Path(__file__).resolve().parents[2] / "README.md"
START_SECONDS = 60

# What a site has of its own, beside what the README says: it has to go on being in charge.
OWN_MIDDLEWARE = """

def marked(get_response):
    def middleware(request):
        response = get_response(request)
        response.headers["X-Made-By"] = "the site"
        return response
    return middleware


MIDDLEWARE = [*MIDDLEWARE, "mysite.settings.marked"]
"""
OWN_FRAME = """<!doctype html>
<html lang="en"><head><title>{% block title %}{% endblock %} at the shop</title>{% block head %}{% endblock %}</head>
<body><nav>The shop's own bar, {{ request.user.get_username }}</nav>{% block content %}{% endblock %}</body></html>
"""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def mounted(built_wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a site that was made by following the README."""
    port = free_port()
    runner = StepRunner(tmp_path_factory.mktemp("mounting"), built_wheel, port)
    [script] = blocks_of(README)
    steps = blocks_of(README, "Into your own site")
    try:
        for step in steps[:-1]:
            runner.carry_out(step)
        runner.carry_out(script)
        with (runner.site / "mysite/settings.py").open("a") as settings:
            settings.write(OWN_MIDDLEWARE)
        frame = runner.site / "shop/templates/scriptapps/base.html"
        frame.parent.mkdir(parents=True)
        frame.write_text(OWN_FRAME)
        runner.carry_out(steps[-1])
        address = f"http://127.0.0.1:{port}"
        wait_for(address, runner)
        yield address
    finally:
        runner.end()


def wait_for(address: str, runner: StepRunner) -> None:
    """Return once the site answers."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        assert runner.server is not None
        assert runner.server.poll() is None, runner.log.read_text()
        assert time.monotonic() < deadline, runner.log.read_text()
        try:
            urllib.request.urlopen(f"{address}/admin/login/", timeout=5).close()
        except (urllib.error.URLError, ConnectionError):
            # The kernel answers for a port without listener at once; the next try is due right away.
            continue
        return


@pytest.fixture
def ada(browser: Browser, mounted: str) -> Iterator[Visitor]:
    """The superuser's browser, not signed in yet."""
    visitor = Visitor(browser, mounted)
    # A site fresh from startproject has no icon.
    visitor.allowed.append(r"404 .*/favicon\.ico")
    yield visitor
    visitor.context.close()


def sign_in(page: Page) -> None:
    """Through the page that the site itself shows."""
    page.get_by_label("Username").fill("ada")
    page.get_by_label("Password").fill("only-for-this-test")
    page.get_by_role("button", name="Log in").click()


def test_a_site_that_followed_the_readme_shows_a_page_that_reacts(ada: Visitor) -> None:
    page = ada.tab("/apps/hello/")
    expect(page).to_have_url(re.compile(r"/admin/login/\?next=/apps/hello/$"))
    sign_in(page)
    expect(page).to_have_url(re.compile(r"/apps/hello/$"))
    expect(page.get_by_role("heading", name="Hello")).to_be_visible()
    expect(page.get_by_label("Your name")).to_have_value("ada")
    expect(page.get_by_text("hello ada, hello ada, hello ada", exact=True)).to_be_visible()

    page.get_by_role("slider", name="How often").press("ArrowLeft")
    expect(page.get_by_text("hello ada, hello ada", exact=True)).to_be_visible()
    page.get_by_label("Your name").fill("Bob")
    page.get_by_label("Your name").press("Enter")
    expect(page.get_by_text("hello Bob, hello Bob", exact=True)).to_be_visible()

    page.reload()
    expect(page.get_by_label("Your name")).to_have_value("Bob")
    expect(page.get_by_text("hello Bob, hello Bob", exact=True)).to_be_visible()
    assert not ada.unexpected()


def test_the_sites_own_middleware_and_templates_stay_in_charge(ada: Visitor) -> None:
    page = ada.tab("/apps/hello/")
    sign_in(page)
    with page.expect_response("**/apps/hello/") as answer:
        page.goto("/apps/hello/")
    assert answer.value.headers["x-made-by"] == "the site"
    expect(page.get_by_role("navigation")).to_have_text("The shop's own bar, ada")
    assert "<title>Hello at the shop</title>" in answer.value.text()
    expect(page.get_by_role("heading", name="Hello")).to_be_visible()


def test_staff_see_the_session_in_the_sites_admin(ada: Visitor) -> None:
    page = ada.tab("/apps/hello/")
    sign_in(page)
    expect(page.get_by_role("heading", name="Hello")).to_be_visible()
    page.goto("/admin/scriptapps/scriptsession/")
    expect(page.get_by_role("row").filter(has_text="hello").first).to_be_visible()
