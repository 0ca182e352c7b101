"""No page has a mistake that axe can find, in light and in dark."""

import json
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from buildsteps.node import find_node
from tests.browser.conftest import Visit
from tests.browser.visitor import choose, run_is_over

AXE = "axe-core@4.10.3"


@pytest.fixture(scope="session")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The source of axe, fetched like any package: nothing of it is kept here."""
    folder: Path = tmp_path_factory.mktemp("axe")
    node = find_node()
    command = [*node.npm, "pack", AXE, "--silent"]
    subprocess.run(command, cwd=folder, env=node.environment(), check=True, capture_output=True)
    [archive] = folder.glob("*.tgz")
    with tarfile.open(archive) as files:
        source = files.extractfile("package/axe.min.js")
        assert source is not None
        return source.read().decode()


def violations(page: Page, axe: str, *, without: str = "") -> str:
    """What axe finds on the page as it is now, for reading; "" where it finds nothing.

    `without` names a rule to leave out.
    """
    # Resting elements have their own colours, moving ones those of a moment.
    page.evaluate("Promise.all(document.getAnimations({ subtree: true }).map(a => a.finished.catch(() => null)))")
    page.evaluate(axe)
    found: list[dict[str, Any]] = page.evaluate(
        "rule => axe.run({ rules: rule ? { [rule]: { enabled: false } } : {} }).then(result => result.violations)",
        without,
    )
    return "\n".join(
        f"{rule['id']}: {rule['help']}\n  {json.dumps(node['target'])} {node['failureSummary']}\n  {node['html'][:200]}"
        for rule in found
        for node in rule["nodes"]
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    "address",
    ["/", "/apps/", "/apps/orders/", "/apps/new_order/", "/apps/counter/", "/apps/shopping_list/", "/embedded/"],
)
def test_pages_have_no_violations(visit: Visit, axe: str, address: str, scheme: str) -> None:
    page = visit("alice", color_scheme=scheme).tab(address)
    if "script-app" in page.content():
        run_is_over(page)
    if address == "/apps/orders/":
        expect(page.get_by_role("img").first).to_be_visible()
    assert violations(page, axe) == ""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_tab_of_the_gallery_has_no_violations(visit: Visit, axe: str, scheme: str) -> None:
    page = visit("alice", color_scheme=scheme).open("widgets")
    found = {}
    for tab in page.get_by_role("tab").all():
        tab.click()
        if tab.inner_text() == "Charts":
            expect(page.get_by_role("img", name="Line chart")).to_be_visible()
        if wrong := violations(page, axe):
            found[tab.inner_text()] = wrong
    assert not found, "\n".join(f"[{tab}] {wrong}" for tab, wrong in found.items())


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_refusals_and_the_sign_in_have_no_violations(visit: Visit, axe: str, scheme: str) -> None:
    bob = visit("bob", color_scheme=scheme)
    bob.allowed.append("status of 40[34]")
    found = [violations(bob.tab(address), axe) for address in ("/apps/new_order/", "/apps/nothing/")]
    found.append(violations(visit(color_scheme=scheme).tab("/accounts/login/"), axe))
    assert found == ["", "", ""]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_opens_over_the_page_has_no_violations(visit: Visit, axe: str, scheme: str) -> None:
    page = visit("alice", color_scheme=scheme).open("orders")
    page.get_by_role("button", name="Page menu").click()
    expect(page.get_by_role("menu")).to_be_visible()
    menu = violations(page, axe)
    page.keyboard.press("Escape")
    page.get_by_role("combobox", name="Region").click()
    expect(page.get_by_role("listbox")).to_be_visible()
    listbox = violations(page, axe)
    page.keyboard.press("Escape")
    choose(page, "Save snapshot")
    expect(page.get_by_role("dialog")).to_be_visible()
    assert [menu, listbox, violations(page, axe)] == ["", "", ""]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_an_error_and_an_ended_page_have_no_violations(visit: Visit, axe: str, scheme: str) -> None:
    alice = visit("alice", fresh=True, color_scheme=scheme)
    page = alice.open("errors")
    page.get_by_role("button", name="Divide by nothing").click()
    expect(page.get_by_role("alert").filter(has_text="errors.py")).to_be_visible()
    run_is_over(page)
    error = violations(page, axe)
    alice.tab("/").get_by_role("button", name="Sign out").click()
    expect(page.get_by_text("You are signed out.")).to_be_visible()
    # What the script showed, its heading too, is out of reach; the message is what counts now.
    assert [error, violations(page, axe, without="page-has-heading-one")] == ["", ""]
