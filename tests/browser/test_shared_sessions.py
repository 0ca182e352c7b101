"""A page that several browsers of one person look at: what one does shows in the others, what one leaves stays."""

from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit
from tests.browser.site_server import SiteServer
from tests.browser.visitor import Wire, metric, run_is_over

SHARED = """# scope: user
from scriptapps import st
heat = st.slider("Heat", 0, 10, 1)
word = st.text_input("Word")
if st.button("Add"):
    st.session_state.n = st.session_state.get("n", 0) + 1
st.metric("Count", st.session_state.get("n", 0))
st.text(f"heat {heat}, word {word}, {st.user.get_username()} in {st.session_id()}")
"""


def session_of(page: Page) -> str:
    """The id that the page's text tells."""
    return page.get_by_text(", word ").inner_text().rpartition(" in ")[2]


def test_two_browsers_of_one_person_show_the_same_page_live(visit: Visit, site: SiteServer) -> None:
    site.script("shared", SHARED)
    laptop, phone = visit("alice", fresh=True), visit("alice", fresh=True, viewport={"width": 390, "height": 800})
    one, two, other = laptop.open("shared"), phone.open("shared"), visit("bob").open("shared")
    assert session_of(one) == session_of(two) != session_of(other)
    slider, mirrored = one.get_by_role("slider", name="Heat"), two.get_by_role("slider", name="Heat")

    # What is typed and not sent is nobody else's, and nobody takes it away.
    word = two.get_by_label("Word")
    word.press_sequentially("half a w")
    slider.focus()
    for reached in ("2", "3", "4"):
        one.keyboard.press("ArrowRight")
        expect(mirrored).to_have_value(reached)
    expect(two.get_by_text("heat 4, word , alice")).to_be_visible()
    expect(word).to_have_value("half a w")
    expect(word).to_be_focused()
    expect(one.get_by_label("Word")).to_have_value("")
    word.press("Enter")
    expect(one.get_by_label("Word")).to_have_value("half a w")

    # Each press counts once, whoever pressed.
    for page in (one, two, one):
        page.get_by_role("button", name="Add").click()
    for page in (one, two):
        expect(metric(page, "Count")).to_contain_text("3")
    expect(other.get_by_text("heat 1, word , bob")).to_be_visible()
    expect(metric(other, "Count")).to_contain_text("0")

    # Another tab of the same browser is one more page of the session; closing it changes nothing.
    wire = Wire(two)
    tab = laptop.open("shared")
    assert session_of(tab) == session_of(one)
    tab.close()
    assert wire.runs == 0

    # One browser signs out: its page ends, the other one goes on.
    laptop.tab("/").get_by_role("button", name="Sign out").click()
    expect(one.get_by_role("alert").filter(has_text="You are signed out.")).to_be_visible()
    two.get_by_role("button", name="Add").click()
    expect(metric(two, "Count")).to_contain_text("4")
    two.reload()
    run_is_over(two)
    expect(metric(two, "Count")).to_contain_text("4")
    expect(mirrored).to_have_value("4")


def test_the_shopping_list_is_one_on_all_devices(visit: Visit) -> None:
    one, two = visit("bob").open("shopping_list"), visit("bob", fresh=True).open("shopping_list")
    product = one.get_by_role("combobox", name="Product")
    product.click()
    one.get_by_role("option").first.click()
    note = two.get_by_label("Note")
    note.fill("for the hall")
    one.get_by_label("Note").fill("for Ada")
    one.get_by_role("button", name="Put on the list").click()
    for page in (one, two):
        expect(page.get_by_text("for Ada")).to_be_visible()
        expect(metric(page, "Pieces")).to_contain_text("1")
    # The form was emptied for who sent it; what the other one is about to send stays.
    expect(one.get_by_label("Note")).to_have_value("")
    expect(note).to_have_value("for the hall")
    two.get_by_role("checkbox").check()
    expect(one.get_by_role("checkbox")).to_be_checked()
    expect(one.get_by_text("1 of 1 bought")).to_be_visible()
    one.get_by_role("button", name="Remove what is bought").click()
    for page in (one, two):
        expect(page.get_by_text("Nothing is on the list yet.")).to_be_visible()
