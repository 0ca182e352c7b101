"""Who gets in: the index, the way to the sign-in and back, and the refusals."""

import re

from playwright.sync_api import expect

from tests.browser.conftest import Visit
from tests.browser.visitor import metric, run_is_over


def test_the_sign_in_leads_back_to_the_page(visit: Visit) -> None:
    page = visit().tab("/apps/orders/")
    expect(page).to_have_url(re.compile(r"/accounts/login/\?next=/apps/orders/$"))
    page.get_by_label("Name").fill("alice")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("do not belong together")
    page.get_by_label("Password").fill("alice")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/apps/orders/$"))
    expect(page).to_have_title("Orders dashboard")
    expect(page.get_by_role("heading", name="Orders dashboard")).to_be_visible()


def test_bob_may_not_open_what_only_alice_may(visit: Visit) -> None:
    bob = visit("bob")
    bob.allowed.append("status of 403")
    page = bob.tab()
    answer = page.goto("/apps/new_order/")
    assert answer is not None
    assert answer.status == 403
    expect(page.get_by_role("heading", name="You may not open “New order”")).to_be_visible()
    expect(page.get_by_text("You are signed in as bob")).to_be_visible()
    page.get_by_role("link", name="What you may open").click()
    expect(page).to_have_url(re.compile(r"/apps/$"))
    alices = visit("alice").open("new_order")
    expect(alices.get_by_role("heading", name="New order")).to_be_visible()


def test_an_address_without_a_script_says_so(visit: Visit) -> None:
    alice = visit("alice")
    alice.allowed.append("status of 404")
    page = alice.tab()
    for address in ("/apps/nothing/", "/apps/_money/", "/apps/orders/saved/00000000-0000-4000-8000-000000000000/"):
        answer = page.goto(address)
        assert answer is not None
        assert answer.status == 404
        expect(page.get_by_role("heading", name="There is nothing here")).to_be_visible()


def test_a_public_page_needs_no_account(visit: Visit) -> None:
    page = visit().open("guest")
    price = metric(page, "Price")
    before = price.text_content() or ""
    expect(page.get_by_text("No account is needed")).to_be_visible()
    page.get_by_role("checkbox", name="Express").check()
    expect(price).not_to_have_text(before)
    page.reload()
    run_is_over(page)
    expect(page.get_by_role("checkbox", name="Express")).to_be_checked()


def test_the_index_lists_what_this_person_may_open(visit: Visit) -> None:
    shown = {}
    for name in ("", "alice", "bob"):
        page = visit(name).tab("/apps/")
        expect(page.get_by_role("heading", name="Script apps")).to_be_visible()
        shown[name] = set(page.get_by_role("listitem").get_by_role("link").all_inner_texts())
    assert {"Orders dashboard", "New order", "Products", "Delivery estimate"} <= shown["alice"]
    assert {"Orders dashboard", "Products", "Delivery estimate"} <= shown["bob"]
    assert "New order" not in shown["bob"]
    assert "Delivery estimate" in shown[""]
    assert not shown[""] & {"Orders dashboard", "New order", "Products"}


def test_the_index_opens_a_script_app(visit: Visit) -> None:
    page = visit("bob").tab("/apps/")
    page.get_by_role("link", name="Counter").click()
    run_is_over(page)
    expect(page.get_by_text("You are bob")).to_be_visible()
