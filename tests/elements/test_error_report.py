"""What a page shows of an exception.

Runs on: pytest, no database.
"""

from pathlib import Path
from typing import Any

import pytest

from scriptapps.runtime.error_report import describe_exception
from scriptapps.runtime.script import Script
from scriptapps.testing import ScriptTester


def describe(error: BaseException, folder: Path, **options: Any) -> Any:
    """With details unless told otherwise."""
    return describe_exception(error, folder, show_details=options.get("show_details", True), reference="ref")


def raised_by(folder: Path, source: str) -> BaseException:
    """The exception of a script in ``folder``, which has a module beside it."""
    (folder / "helper.py").write_text("def fail():\n    raise KeyError('inner')\n")
    path = folder / "page.py"
    path.write_text(source)
    namespace: dict[str, Any] = {"__scriptapps_signal__": type("Signal", (), {"set": False})}
    try:
        exec(Script.from_file(path).code, namespace)
    except BaseException as error:
        return error
    raise AssertionError("the script did not raise")


def test_only_the_scripts_own_frames_with_their_source(tmp_path: Path) -> None:
    source = "import json\n\ndef load(text):\n    return json.loads(text)\n\nload('{')\n"
    report = describe(raised_by(tmp_path, source), tmp_path)
    assert report.type == "json.decoder.JSONDecodeError"
    assert [(frame.file, frame.line, frame.function, frame.source) for frame in report.frames] == [
        ("page.py", 6, "<module>", "load('{')"),
        ("page.py", 4, "load", "return json.loads(text)"),
    ]


def test_causes_are_told(tmp_path: Path) -> None:
    source = "try:\n    {}['a']\nexcept KeyError as error:\n    raise ValueError('outer') from error\n"
    report = describe(raised_by(tmp_path, source), tmp_path)
    assert report.message == "outer\n\nCaused by KeyError: 'a'"
    hidden = raised_by(tmp_path, source.replace("from error", "from None"))
    assert describe(hidden, tmp_path).message == "outer"


def test_a_group_lists_its_members(tmp_path: Path) -> None:
    report = describe(ExceptionGroup("several", [ValueError("a"), KeyError("b")]), tmp_path)
    assert "- ValueError: a\n- KeyError: 'b'" in report.message


def test_a_syntax_error_points_at_its_place(tmp_path: Path) -> None:
    path = tmp_path / "broken.py"
    try:
        compile("x = = 1\n", str(path), "exec")
    except SyntaxError as error:
        report = describe(error, tmp_path)
    assert report.type == "SyntaxError"
    assert (report.frames[-1].file, report.frames[-1].line) == ("broken.py", 1)
    assert report.frames[-1].source.splitlines() == ["x = = 1", "    ^"]


def test_without_details_nothing_but_a_reference(tmp_path: Path) -> None:
    report = describe(raised_by(tmp_path, "raise ValueError('secret')"), tmp_path, show_details=False)
    assert (report.type, report.message, report.reference) == ("", "Something went wrong.", "ref")
    assert not report.frames


class Unspeakable(Exception):
    """Cannot be turned into text."""

    def __str__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    "error", [Unspeakable(), ValueError("\ud800"), SystemExit(3), KeyboardInterrupt(), SyntaxError()]
)
def test_it_never_raises(error: BaseException, tmp_path: Path) -> None:
    assert describe(error, tmp_path).type


def test_a_cause_that_is_its_own_cause_ends(tmp_path: Path) -> None:
    first, second = ValueError("1"), ValueError("2")
    first.__cause__, second.__cause__ = second, first
    assert describe(first, tmp_path).message == "1\n\nCaused by ValueError: 2"


def test_frames_on_the_page_of_a_script_file(tmp_path: Path) -> None:
    path = tmp_path / "page.py"
    path.write_text("from scriptapps import st\nst.text('before')\nst.slider('S', 0, 10, 11)\n")
    tester = ScriptTester.from_file(path).run()
    [shown] = tester.exceptions
    assert [(frame.file, frame.line, frame.source) for frame in shown.frames] == [
        ("page.py", 3, "st.slider('S', 0, 10, 11)")
    ]
    assert [view.kind for view in tester.elements] == ["text", "exception"]
