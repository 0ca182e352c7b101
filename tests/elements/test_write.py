"""What ``st.write`` does with things, and the text elements it uses.

Runs on: pytest, no database.
"""

import json
from typing import Any

import pytest

from scriptapps.elements.json_text import json_text
from scriptapps.elements.metric import change
from scriptapps.errors import ScriptApiError
from tests.elements.conftest import Page


@pytest.mark.parametrize(
    ("argument", "kind", "content"),
    [
        ("'**a**'", "markdown", "<p><strong>a</strong></p>"),
        ("__import__('collections').UserString('*a*')", "markdown", "<p><em>a</em></p>"),
        ("5", "markdown", "<p><code>5</code></p>"),
        ("None", "markdown", "<p><code>None</code></p>"),
        ("type('T', (), {'__str__': lambda self: 'a`b'})()", "markdown", "<p><code>a`b</code></p>"),
        ("__import__('io').StringIO('*a*')", "markdown", "<p><em>a</em></p>"),
        ("{'a': 1}", "json", '{"a": 1}'),
        ("[1, 2]", "json", "[1, 2]"),
        ("map(str, [1])", "json", '["1"]'),
        ("{'a': 1}.keys()", "json", '["a"]'),
        ("__import__('collections').namedtuple('P', 'x')(1)", "json", '{"x": 1}'),
        ("__import__('collections').ChainMap({'a': 1})", "json", '{"a": 1}'),
        ("ValueError('no')", "exception", "no"),
        ("type('T', (), {'__str__': lambda self: 'a\\nb'})()", "code", "a\nb"),
        ("len", "code", "def len(obj, /)"),
        ("st", "code", "module scriptapps.st"),
        ("object()", "code", "object of class builtins.object"),
        ("__import__('pandas').DataFrame({'a': [1]})", "dataframe", None),
        ("__import__('numpy').zeros(2)", "dataframe", None),
    ],
)
def test_everything_is_shown_in_its_own_way(page: Page, argument: str, kind: str, content: str | None) -> None:
    tester = page(f"st.write({argument})")
    [element] = tester.elements
    assert element.kind == kind
    if content is not None:
        field = {"markdown": "html", "exception": "message"}.get(kind, "body")
        assert getattr(element.props, field).startswith(content)


def test_neighbouring_texts_become_one(page: Page) -> None:
    tester = page("st.write('a', 1, 'b', {'c': 1}, 'd', 'e')")
    assert [element.kind for element in tester.elements] == ["markdown", "json", "markdown"]
    assert tester.elements[0].props.html == "<p>a <code>1</code> b</p>"
    assert tester.elements[2].props.html == "<p>d e</p>"


def test_several_things_cannot_replace_one(page: Page) -> None:
    tester = page("place = st.text('a'); place.write('b'); place.write('c', {})")
    assert tester.exceptions[0].type == "ScriptApiError"
    assert tester.find("markdown")[0].props.html == "<p>b</p>"


def test_html_needs_permission(page: Page) -> None:
    source = (
        "class Card:\n    def _repr_html_(self): return '<b onclick=x>hi</b>'\n    def __str__(self): return 'card'\n"
    )
    tester = page(source + "st.write(Card())\nst.write(Card(), unsafe_allow_html=True)\nst.write('<b>x</b>')")
    plain, html, text = (element.props.html for element in tester.find("markdown"))
    assert plain == "<p><code>card</code></p>"
    assert html == "<p><b>hi</b></p>"
    assert text == "<p>&lt;b&gt;x&lt;/b&gt;</p>"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({1: float("nan"), "b": {2}}, '{"1": "nan", "b": [2]}'),
        ('{"a": 1}', '{"a": 1}'),
        ([2**60, True, None], f'["{2**60}", true, null]'),
        ({"d": __import__("datetime").date(2024, 1, 2)}, '{"d": "2024-01-02"}'),
        ("null", "null"),
    ],
)
def test_json_is_always_valid(value: Any, text: str) -> None:
    assert json_text(value) == text
    json.loads(json_text(value))


def test_json_that_is_none() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(ScriptApiError, match="contains itself"):
        json_text(endless)
    with pytest.raises(ScriptApiError, match="not valid JSON"):
        json_text("{a}")


@pytest.mark.parametrize(("expanded", "depth"), [("True", 1000), ("False", 0), ("2", 2)])
def test_how_far_json_is_open(page: Page, expanded: str, depth: int) -> None:
    assert page(f"st.json([1], expanded={expanded})").find("json")[0].props.depth == depth


@pytest.mark.parametrize(
    ("delta", "shown"),
    [
        (None, ("", 0)),
        ("", ("", 0)),
        (5, ("5", 1)),
        (-5.5, ("5.5", -1)),
        (0, ("0", 0)),
        ("-4 %", ("4 %", -1)),
        ("+4 %", ("4 %", 1)),
        ("− 4", ("4", -1)),  # noqa: RUF001 the typographic minus
    ],
)
def test_the_change_of_a_metric(delta: Any, shown: tuple[str, int]) -> None:
    assert change(delta) == shown


@pytest.mark.parametrize(
    ("delta", "color", "tone"),
    [
        (1, "normal", "GOOD"),
        (-1, "normal", "BAD"),
        (1, "inverse", "BAD"),
        (-1, "inverse", "GOOD"),
        (1, "off", "NEUTRAL"),
    ],
)
def test_the_tone_of_a_metric(page: Page, delta: int, color: str, tone: str) -> None:
    [metric] = page(f"st.metric('M', None, {delta}, {color!r}, chart_data=[1, 2])").find("metric")
    assert metric.props.Tone.Name(metric.props.tone) == tone
    assert metric.props.value == "–"
    assert list(metric.props.chart) == [1, 2]


def test_headings(page: Page) -> None:
    tester = page(
        "st.title('Größe & *Gewicht*')\nst.header('H', divider=True)\n"
        "st.subheader('S', anchor=False)\nst.header('x', 'own')"
    )
    title, header, subheader, own = (element.props for element in tester.find("heading"))
    assert (title.level, title.html, title.anchor) == (1, "Größe &amp; <em>Gewicht</em>", "größe-gewicht")
    assert (header.level, header.divider) == (2, "gray")
    assert (subheader.level, subheader.anchor) == (3, "")
    assert own.anchor == "own"


def test_text_and_code_are_shown_as_they_are(page: Page) -> None:
    tester = page("st.text('<b>*a*</b>')\nst.code('\\n  x = 1\\n', line_numbers=True, height=200)\nst.code('y', None)")
    assert tester.find("text")[0].props.body == "<b>*a*</b>"
    first, second = (element.props for element in tester.find("code"))
    assert (first.body, first.language, first.line_numbers, first.height) == ("  x = 1", "python", True, 200)
    assert second.language == ""


def test_alerts_and_progress(page: Page) -> None:
    tester = page(
        "st.success('*a*', icon='✅')\nst.error('b', title='T')\nbar = st.progress(0, text='*x*')\n"
        "for step in (25, 0.5, 100): bar.progress(step)\nst.progress(10).empty()"
    )
    good, bad = (element.props for element in tester.find("alert"))
    assert (good.html, good.icon, good.Level.Name(good.level)) == ("<p><em>a</em></p>", "✅", "SUCCESS")
    assert (bad.title, bad.Level.Name(bad.level)) == ("T", "ERROR")
    assert [element.props.fraction for element in tester.find("progress")] == [1.0]


@pytest.mark.parametrize("value", ["101", "-1", "1.1", "'a'", "True", "None", "float('nan')"])
def test_progress_beyond_its_ends(page: Page, value: str) -> None:
    assert "progress takes" in page(f"st.progress({value})").exceptions[0].message
