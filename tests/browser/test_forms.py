"""Forms: nothing is sent before the button, everything is sent with it."""

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit
from tests.browser.site_server import SiteServer
from tests.browser.visitor import Visitor, Wire, eventually, run_is_over

FORM = """
from scriptapps import st

with st.form("person", clear_on_submit={clear}, enter_to_submit={enter}):
    name = st.text_input("Name")
    age = st.slider("Age", 0, 99, 30)
    city = st.selectbox("City", ["Kiel", "Bonn"])
    agree = st.checkbox("Agree")
    note = st.text_area("Note")
    sent = st.form_submit_button("Send")
st.write(f"Shown: {{name}}, {{age}}, {{city}}, {{agree}}, {{note}}")
if sent:
    st.success("It was sent")
"""


def opened(
    visitor: Visitor, site: SiteServer, slug: str, *, clear: bool = False, enter: bool = True
) -> tuple[Page, Wire]:
    """A page with the form, and what goes over its wire from now on."""
    site.script(slug, FORM.format(clear=clear, enter=enter))
    page = visitor.tab()
    wire = Wire(page)
    page.goto(f"/apps/{slug}/")
    run_is_over(page)
    wire.forget()
    return page, wire


def fill(page: Page) -> None:
    """Change every field."""
    page.get_by_role("textbox", name="Name").fill("Ada")
    page.get_by_role("slider", name="Age").focus()
    page.keyboard.press("ArrowRight")
    page.get_by_role("combobox", name="City").click()
    page.get_by_role("option", name="Bonn").click()
    page.get_by_role("checkbox", name="Agree").check()
    page.get_by_role("textbox", name="Note").fill("Likes\nlines")


def test_values_are_sent_with_the_button_in_one_message(visit: Visit, site: SiteServer) -> None:
    page, wire = opened(visit("alice"), site, "form_plain")
    fill(page)
    page.get_by_role("button", name="Send").focus()
    assert wire.events == []
    assert wire.runs == 0
    page.keyboard.press("Enter")
    expect(page.get_by_text("It was sent")).to_be_visible()
    expect(page.get_by_text("Shown: Ada, 31, Bonn, True, Likes lines")).to_be_visible()
    eventually(page, lambda: wire.finished == 1, "the run ends")
    assert len(wire.events) == 1
    assert len(wire.events[0].widget_events.events) == 6
    # What was sent stays in the fields.
    expect(page.get_by_role("textbox", name="Name")).to_have_value("Ada")
    expect(page.get_by_role("checkbox", name="Agree")).to_be_checked()


def test_enter_in_a_field_submits(visit: Visit, site: SiteServer) -> None:
    page, wire = opened(visit("alice"), site, "form_enter")
    page.get_by_role("checkbox", name="Agree").check()
    name = page.get_by_role("textbox", name="Name")
    name.press_sequentially("Grace")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Shown: Grace, 30, Kiel, True")).to_be_visible()
    expect(name).to_be_focused()
    assert len(wire.events) == 1


def test_enter_does_not_submit_where_the_script_says_so(visit: Visit, site: SiteServer) -> None:
    page, wire = opened(visit("alice"), site, "form_no_enter", enter=False)
    page.get_by_role("textbox", name="Name").press_sequentially("Grace")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_text("Shown: Grace, 30")).to_be_visible()
    assert len(wire.events) == 1


def test_fields_are_cleared_after_sending_where_the_script_says_so(visit: Visit, site: SiteServer) -> None:
    page, _wire = opened(visit("alice"), site, "form_clear", clear=True)
    fill(page)
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_text("Shown: Ada, 31, Bonn, True")).to_be_visible()
    expect(page.get_by_role("textbox", name="Name")).to_have_value("")
    expect(page.get_by_role("slider", name="Age")).to_have_value("30")
    expect(page.get_by_role("combobox", name="City")).to_have_value("Kiel")
    expect(page.get_by_role("checkbox", name="Agree")).not_to_be_checked()
    expect(page.get_by_role("textbox", name="Note")).to_have_value("")


def test_an_order_is_written_to_the_database(visit: Visit) -> None:
    alice = visit("alice")
    page = alice.open("new_order")
    page.get_by_role("button", name="Place order").click()
    expect(page.get_by_role("alert")).to_contain_text("Choose a customer.")
    customer = page.get_by_role("combobox", name="Customer")
    customer.click()
    customer.press_sequentially("a")
    page.keyboard.press("Enter")
    chosen = customer.input_value()
    page.get_by_role("radio", name="Store").check()
    product = page.get_by_role("combobox", name="Product 1")
    product.click()
    page.get_by_role("option").first.click()
    quantity = page.get_by_role("spinbutton", name="Quantity 1")
    quantity.fill("2")
    page.get_by_role("button", name="Place order").click()
    message = page.get_by_role("status").filter(has_text="is placed.")
    expect(message).to_be_visible()
    found = re.search(r"Order (\d+) for", message.inner_text())
    assert found is not None
    expect(customer).to_have_value("")
    expect(quantity).to_have_value("1")
    expect(page.get_by_text(f"Order {found[1]}: {chosen.split(' (')[0]}")).to_be_visible()
    staff = visit("admin").tab(f"/admin/shop/order/{found[1]}/change/")
    expect(staff.get_by_role("heading", name=re.compile(rf"\b{found[1]}\b"))).to_be_visible()
