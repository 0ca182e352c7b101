"""Safe points: where they stand, where they do not, and that a script does not notice them."""

import ast
import traceback
from pathlib import Path
from textwrap import dedent

import pytest

from scriptapps.errors import ScriptCompileError, StopScript
from scriptapps.runtime.safe_points import inject_safe_points
from scriptapps.runtime.script import Script, compile_with_safe_points
from scriptapps.runtime.signal import SIGNAL_NAME, Signal


class CountingSignal:
    """Counts how often safe points look; acts from the given look on."""

    def __init__(self, stop_at: int | None = None) -> None:
        self.looks = 0
        self.stop_at = stop_at

    @property
    def set(self) -> bool:
        self.looks += 1
        return self.stop_at is not None and self.looks >= self.stop_at

    def act(self) -> None:
        raise StopScript("STOPPED")


def execute(source: str, signal=None, **names):
    namespace = {"__name__": "__main__", SIGNAL_NAME: signal or CountingSignal(), **names}
    exec(compile_with_safe_points(dedent(source), "script.py"), namespace)
    return namespace


@pytest.mark.parametrize(
    ("source", "looks"),
    [
        ("for i in range(3):\n    pass", 3),
        ("i = 0\nwhile i < 4:\n    i += 1", 4),
        ("def f():\n    return 1\nf(); f()", 2),
        ("def f():\n    'docs'\n    return 1\nf()", 1),
        ("class A:\n    def m(self):\n        return 1\nA().m()", 1),
        ("async def f():\n    return 1\nimport asyncio\nasyncio.run(f())", 1),
        ("[i for i in range(5)]", 5),
        ("{i for i in range(5)}", 5),
        ("{i: i for i in range(5)}", 5),
        ("list(i for i in range(5))", 5),
        ("[i for i in range(2) for j in range(3)]", 2 + 6),
        ("try:\n    1 / 0\nexcept:\n    pass", 1),
        ("try:\n    1 / 0\nexcept BaseException:\n    pass", 1),
        ("try:\n    1 / 0\nexcept ZeroDivisionError:\n    pass", 0),
        ("try:\n    pass\nfinally:\n    for i in range(3):\n        pass", 0),
        (
            "class A:\n    def __exit__(self, *a):\n        for i in range(9):\n            pass\nA().__exit__()",
            0,
        ),
        ("class A:\n    def __del__(self):\n        [i for i in range(9)]\nA()", 0),
        ("for i in []:\n    pass\nelse:\n    for j in range(2):\n        pass", 2),
        ("match 1:\n    case 1:\n        for i in range(2):\n            pass", 2),
        (
            "try:\n    raise ExceptionGroup('', [OSError()])\nexcept* OSError:\n    for i in (1, 2):\n        pass",
            2,
        ),
    ],
)
def test_where_a_script_looks(source, looks):
    signal = CountingSignal()
    execute(source, signal)
    assert signal.looks == looks


@pytest.mark.parametrize(
    "source",
    [
        "while True:\n    pass",
        "for _ in iter(int, 1):\n    pass",
        "def f(n):\n    return f(n + 1) if n < 500 else f(0)\nf(0)",
        "all(True for _ in iter(int, 1))",
        "[x for x in iter(int, 1)]",
        "while True:\n    try:\n        x = 1\n    except Exception:\n        pass",
    ],
)
def test_an_endless_script_ends_at_its_next_look(source):
    with pytest.raises(StopScript):
        execute(source, CountingSignal(stop_at=50))


def test_clean_up_is_not_cut_short():
    done: list[object] = []
    source = """
    class Kept:
        def __enter__(self):
            return self
        def __exit__(self, *args):
            for number in range(3):
                done.append(number)
    try:
        with Kept():
            while True:
                pass
    finally:
        for name in "ab":
            done.append(name)
    """
    with pytest.raises(StopScript):
        execute(source, CountingSignal(stop_at=3), done=done)
    assert done == [0, 1, 2, "a", "b"]


def test_line_numbers_are_those_of_the_file():
    source = "def f(xs):\n    '''docs'''\n    for x in xs:\n\n        if x:\n            1 / 0\n\n\nf([0,\n   1])\n"
    plain, injected = compile(source, "x", "exec"), compile_with_safe_points(source, "x")
    lines = []
    for code in (plain, injected):
        try:
            exec(code, {SIGNAL_NAME: CountingSignal()})
        except ZeroDivisionError as error:
            lines.append([frame.lineno for frame in traceback.extract_tb(error.__traceback__)[1:]])
    assert lines == [[9, 6], [9, 6]]


def test_every_line_of_the_tree_is_one_of_the_source():
    source = (Path(__file__)).read_text()
    tree = inject_safe_points(ast.parse(source))
    last = len(source.splitlines())
    assert all(1 <= node.lineno <= last for node in ast.walk(tree) if hasattr(node, "lineno"))


@pytest.mark.parametrize(
    "expression",
    [
        "[i * j for i in range(4) if i % 2 for j in range(i)]",
        "{k: v for k, v in zip('abc', range(3)) if v}",
        "sorted({len(w) for w in ['a', 'bb', 'cc']})",
        "list((x, y) for x in range(3) for y in range(x) if x + y)",
        "[[y for y in range(x)] for x in range(3)]",
        "[y for x in range(5) if (y := x * 2) > 4]",
        "(lambda n: [n + i for i in range(2)])(5)",
    ],
)
def test_comprehensions_mean_what_they_meant(expression):
    assert execute(f"result = {expression}")["result"] == eval(expression)


def test_a_docstring_stays_a_docstring():
    function = execute("def f():\n    'what it does'\n")["f"]
    assert function.__doc__ == "what it does"
    assert execute("'module docs'\nx = 1")["__doc__"] == "module docs"


def test_future_imports_stay_first():
    assert execute("'docs'\nfrom __future__ import annotations\ndef f(x: undefined) -> None:\n    pass\n")["f"]


def test_the_settings_of_this_module_do_not_leak_into_scripts():
    """A script's annotations are evaluated unless it says otherwise itself."""
    assert execute("def f(x: int): pass")["f"].__annotations__ == {"x": int}


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("x = (\n", "line 1"),
        ("if True:\npass\n", "line 2"),
        ("return 5\n", "'return' outside function"),
        ("x = 1\0\n", "null bytes"),
        ("x" * 10 + " = " + "-" * 20_000 + "1", "script.py"),
    ],
)
def test_what_does_not_compile_is_told_with_file_and_line(source, told):
    with pytest.raises(ScriptCompileError) as caught:
        Script.from_source(source, Path("script.py"))
    assert told in str(caught.value)


def test_a_syntax_error_has_its_line_and_a_caret():
    with pytest.raises(ScriptCompileError) as caught:
        Script.from_source("x = 1\n    y = = 2\n", Path("/somewhere/script.py"))
    first, line, caret = str(caught.value).splitlines()
    assert first.startswith("script.py, line 2: IndentationError")
    assert line == "y = = 2"
    assert caret.endswith("^")


def test_a_file_that_cannot_be_read_does_not_compile(tmp_path):
    with pytest.raises(ScriptCompileError):
        Script.from_file(tmp_path / "absent.py")
    (tmp_path / "latin.py").write_bytes(b"x = '\xe4'\n")
    with pytest.raises(ScriptCompileError):
        Script.from_file(tmp_path / "latin.py")
    (tmp_path / "declared.py").write_bytes(b"# coding: latin-1\nx = '\xe4'\n")
    assert Script.from_file(tmp_path / "declared.py").source.endswith("x = 'ä'\n")


def test_the_version_follows_the_source():
    one, same, other = (Script.from_source(text, Path("s.py")) for text in ("x = 1", "x = 1", "x = 2"))
    assert one.version == same.version != other.version


# -- the signal --------------------------------------------------------------------------------------------------------


def test_a_stop_is_never_weakened():
    signal = Signal()
    signal.stop("SUPERSEDED")
    signal.stop("STOPPED")
    signal.stop("SUPERSEDED")
    with pytest.raises(StopScript) as caught:
        signal.act()
    assert caught.value.reason == "STOPPED"


def test_what_was_asked_for_stays_asked_for():
    signal = Signal()
    signal.stop("STOPPED")
    for _ in range(3):
        with pytest.raises(StopScript):
            signal.act()
    signal.clear()
    signal.act()
    assert not signal.set


def test_a_throttled_run_goes_on_and_a_stop_meanwhile_counts(monkeypatch):
    signal = Signal()
    signal.throttle()
    assert signal.set
    monkeypatch.setattr("scriptapps.runtime.signal.REAL_SLEEP", lambda _: signal.stop("STOPPED"))
    signal.act()
    assert signal.set
    with pytest.raises(StopScript):
        signal.act()


def test_sleeping_ends_with_a_stop_and_refuses_what_time_sleep_refuses():
    from contextvars import Context

    from scriptapps.runtime.signal import cooperative_sleep, current_signal

    def inside():
        signal = Signal()
        current_signal.set(signal)
        cooperative_sleep(0)
        with pytest.raises(ValueError, match="non-negative"):
            cooperative_sleep(-1)
        signal.stop("DEADLINE")
        with pytest.raises(StopScript):
            cooperative_sleep(1e6)

    Context().run(inside)
    cooperative_sleep(0)
