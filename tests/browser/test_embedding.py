"""A script app in the middle of a page of the site's own."""

from playwright.sync_api import expect

from tests.browser.conftest import Visit
from tests.browser.visitor import metric, run_is_over


def test_a_page_of_the_site_shows_a_script_app(visit: Visit) -> None:
    page = visit("alice").tab("/embedded/")
    run_is_over(page)
    expect(page.get_by_role("heading", name="In the middle of a page")).to_be_visible()
    page.get_by_role("button", name="Add").click()
    expect(metric(page, "Count")).to_contain_text("1")
    # One landmark, the site's; the embedded page does not bring a second.
    expect(page.get_by_role("main")).to_have_count(1)
    page.reload()
    expect(metric(page, "Count")).to_contain_text("1")
    above = page.get_by_role("heading", name="In the middle of a page").bounding_box()
    inside = metric(page, "Count").bounding_box()
    below = page.get_by_text("Text goes on below it.").bounding_box()
    assert above is not None
    assert inside is not None
    assert below is not None
    assert above["y"] < inside["y"] < below["y"]


def test_styles_stay_on_their_side(visit: Visit) -> None:
    page = visit("alice").tab("/embedded/")
    run_is_over(page)
    look = "node => { const s = getComputedStyle(node); return [s.fontSize, s.color, s.backgroundColor, s.padding] }"
    button, sign_out = page.get_by_role("button", name="Add"), page.get_by_role("button", name="Sign out")
    before = button.evaluate(look), sign_out.evaluate(look)
    page.evaluate(
        """() => {
          const sheet = new CSSStyleSheet();
          sheet.replaceSync("button { color: hotpink !important; padding: 40px !important }");
          document.adoptedStyleSheets = [sheet];
        }"""
    )
    assert button.evaluate(look) == before[0]
    assert sign_out.evaluate(look) != before[1]


def test_somebody_unknown_is_asked_to_sign_in(visit: Visit) -> None:
    page = visit().tab("/embedded/")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
