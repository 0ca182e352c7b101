"""What happens to a page's elements while a script runs again: which stay, which change, which are replaced.

Runs on: the tests' thread, the scripts inside the page. Invariant: the page itself is only looked at.
"""

from playwright.sync_api import Page

# An element is named by its kind and the beginning of its text; what is not inside one is the page's own furniture.
START = """
() => {
  const root = document.querySelector("script-app").shadowRoot;
  const owner = (node) => {
    const host = node instanceof Element ? node : node.parentElement;
    const element = host?.closest(".node");
    return element ? `${element.dataset.kind} ${element.textContent.trim().slice(0, 20)}` : "furniture";
  };
  const seen = (window.watched = { elements: [...root.querySelectorAll(".node")], changed: [], gone: [] });
  seen.names = seen.elements.map(owner);
  new MutationObserver((records) => {
    for (const record of records) {
      seen.changed.push(owner(record.target));
      for (const node of record.removedNodes) if (node.matches?.(".node")) seen.gone.push(owner(node));
    }
  }).observe(root, { subtree: true, childList: true, characterData: true, attributes: true });
}
"""
LOOK = """
() => {
  const root = document.querySelector("script-app").shadowRoot;
  const { elements, names, changed, gone } = window.watched;
  const lost = names.filter((_, index) => !root.contains(elements[index]));
  return { lost, gone, changed: [...new Set(changed)] };
}
"""


class Watching:
    """From its making on. `changed` are the elements that were touched, `lost` those that are no longer the same."""

    def __init__(self, page: Page) -> None:
        self.page = page
        page.evaluate(START)

    @property
    def changed(self) -> set[str]:
        """Elements in which anything changed; the page's own furniture is left out."""
        return set(self.page.evaluate(LOOK)["changed"]) - {"furniture"}

    @property
    def lost(self) -> list[str]:
        """Elements that were there at the beginning and have been taken out, if only for a moment."""
        found = self.page.evaluate(LOOK)
        return found["lost"] + found["gone"]
