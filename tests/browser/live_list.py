"""The admin's live list, read as a person reads it.

Runs on: the tests' thread. Invariant: nothing is known here but what the page shows.
"""

from collections.abc import Callable

from playwright.sync_api import Locator, Page

from tests.browser.visitor import eventually

ADDRESS = "/admin/scriptapps/scriptsession/"
Row = dict[str, str]
SECOND = {"user": "script app", "state": "node", "viewers": "seen", "runs": "age", "last run": "trigger"}
"""What the second line of a cell is about."""


def read_list(page: Page, search: str = "") -> list[Row]:
    """The rows as dicts of column title and text."""
    page.goto(f"{ADDRESS}?q={search}")
    return shown_rows(page)


def shown_rows(page: Page) -> list[Row]:
    """The rows of the list that is shown, as dicts of column title and text."""
    # In one step: the list changes while it is read.
    titles, *lines = page.evaluate(
        "[...document.querySelectorAll('#result_list tr')].map(row => [...row.cells].map(cell => cell.innerText))"
    ) or [[]]
    return [_row([title.strip().lower() for title in titles], line) for line in lines]


def _row(titles: list[str], texts: list[str]) -> Row:
    found: Row = {}
    for title, text in zip(titles, texts, strict=True):
        first, _, second = text.strip().partition("\n")
        found |= {title: first.strip(), SECOND.get(title, ""): second.strip()}
    return found


def list_shows(page: Page, search: str, holds: Callable[[list[Row]], bool], what: str) -> list[Row]:
    """Reload the list until `holds(rows)`; returns the rows."""
    rows: list[Row] = []

    def look() -> bool:
        rows[:] = read_list(page, search)
        return holds(rows)

    try:
        eventually(page, look, what)
    except AssertionError as error:
        raise AssertionError(f"{error}; the list shows {rows}") from None
    return rows


def act(page: Page, action: str, search: str) -> None:
    """Choose every row of this search, start an action and say yes to the question that follows."""
    page.goto(f"{ADDRESS}?q={search}")
    for row in rows_of(page):
        row.get_by_role("checkbox").check()
    page.get_by_label("Action:").select_option(label=action)
    page.get_by_role("button", name="Go").click()
    page.get_by_role("button", name="Yes, ").click()


def rows_of(page: Page) -> list[Locator]:
    """The rows of the list that is shown."""
    return page.get_by_role("main").get_by_role("row").filter(has=page.get_by_role("rowheader")).all()
