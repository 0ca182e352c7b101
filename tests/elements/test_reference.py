"""docs/reference.md is true: signatures are the real ones, examples run.

Runs on: pytest, no database.
"""

import inspect
import re
from pathlib import Path

import pytest

from scriptapps.deltas.library import library
from scriptapps.testing import ScriptTester

TEXT = (Path(__file__).resolve().parents[2] / "docs/reference.md").read_text()
ENTRIES = dict(re.findall(r"^### `st\.(\w+)`\n(.*?)(?=^##|\Z)", TEXT, re.MULTILINE | re.DOTALL))
EXAMPLES = [
    (name, example)
    for name, entry in ENTRIES.items()
    for example in re.findall(r"```python\n(.*?)```", entry, re.DOTALL)
]


def signature(name: str) -> str:
    """The parameters with their defaults, as the page writes them."""
    parameters = inspect.signature(library.functions[name]).parameters.values()
    without_types = [parameter.replace(annotation=inspect.Parameter.empty) for parameter in parameters]
    text = str(inspect.Signature(without_types)).replace("'", '"').replace('<class "str">', "str")
    return f"st.{name}{text}"


@pytest.mark.parametrize("name", sorted(library.functions))
def test_the_signature_is_the_real_one(name: str) -> None:
    [written] = re.findall(r"```text\n(.*?)\n```", ENTRIES[name], re.DOTALL)
    assert re.sub(r"\s+", " ", written).replace("( ", "(").replace(" )", ")") == signature(name)


@pytest.mark.parametrize(("name", "example"), EXAMPLES, ids=[name for name, _ in EXAMPLES])
def test_the_example_runs(name: str, example: str) -> None:
    tester = ScriptTester.from_string(f"from scriptapps import st\n{example}", user="ada").run()
    assert tester.outcome == "COMPLETED"
    assert name == "exception" or not tester.exceptions


def test_every_entry_has_an_example() -> None:
    assert {name for name, _ in EXAMPLES} == ENTRIES.keys()


def test_links_on_the_page_lead_to_a_heading() -> None:
    headings = re.findall(r"^#+ (.*)$", TEXT, re.MULTILINE)
    anchors = {re.sub(r"[^\w\- ]", "", heading).lower().replace(" ", "-") for heading in headings}
    assert set(re.findall(r"\]\(#([^)]+)\)", TEXT)) <= anchors
