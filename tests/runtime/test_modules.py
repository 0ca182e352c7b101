"""Modules beside scripts: importable, stoppable, read again when they change, and never while a run needs them."""

import sys
import threading
from pathlib import Path

import pytest

from scriptapps.runtime import modules
from scriptapps.runtime.modules import ModuleGate, forget_modules, imported_files, install_roots
from scriptapps.testing import ScriptTester


@pytest.fixture
def root(tmp_path: Path):
    """A folder of scripts whose modules are gone afterwards."""
    folder = (tmp_path / "scripts").resolve()
    folder.mkdir()
    install_roots([folder])
    yield folder
    forget_modules(folder)
    modules.sibling_finder.roots.remove(str(folder))


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def run(path: Path) -> ScriptTester:
    played = ScriptTester.from_file(path).run()
    assert not played.exceptions, played.exceptions
    return played


def texts(tester):
    return [element.props.body for element in tester.find("text")]


def test_a_script_imports_its_siblings(root):
    write(root / "prices_mod.py", "VALUE = 1")
    write(root / "pack_mod" / "__init__.py", "")
    write(root / "pack_mod" / "inner.py", "V = 2")
    script = write(
        root / "s.py",
        "from scriptapps import st\nimport prices_mod as p\nfrom pack_mod.inner import V\nst.text(f'{p.VALUE} {V}')",
    )
    assert texts(run(script)) == ["1 2"]
    assert prices_file() == root / "prices_mod.py"


def prices_file() -> Path:
    return Path(str(sys.modules["prices_mod"].__file__))


def test_installed_packages_come_first(root):
    write(root / "json.py", "raise AssertionError('the wrong json')")
    script = write(root / "s.py", "from scriptapps import st\nimport json\nst.text(json.dumps(1))")
    assert texts(run(script)) == ["1"]


def test_a_changed_module_is_read_again_after_it_was_forgotten(root):
    module = write(root / "changing_mod.py", "VALUE = 'one'")
    script = write(root / "s.py", "from scriptapps import st\nfrom changing_mod import VALUE\nst.text(VALUE)")
    assert texts(run(script)) == ["one"]
    write(module, "VALUE = 'another'")
    assert texts(run(script)) == ["one"]
    assert forget_modules(root) == ["changing_mod"]
    assert texts(run(script)) == ["another"]


def test_only_modules_under_the_root_are_forgotten(root):
    script = write(root / "s.py", "import json\nimport decimal")
    run(script)
    assert forget_modules(root) == []
    assert "decimal" in sys.modules


def test_no_bytecode_is_written(root):
    write(root / "plain_mod.py", "VALUE = 1")
    run(write(root / "s.py", "import plain_mod"))
    assert not (root / "__pycache__").exists()


def test_a_loop_in_a_module_can_be_stopped(root, stage):
    write(root / "endless_mod.py", "def spin():\n    while True:\n        pass\n")
    played = stage("import endless_mod\nprobe.note('in')\nendless_mod.spin()", stop_grace=1e6, abandon_grace=2e6)
    played.ask()
    played.probe.until(lambda: played.probe.notes)
    played.session.request_stop()
    assert played.rest().outcomes == ["STOPPED"]


def test_a_loop_in_a_module_works_outside_runs(root):
    write(root / "plain_loop_mod.py", "def count():\n    return sum([n for n in range(4)])\n")
    run(write(root / "s.py", "import plain_loop_mod"))
    assert sys.modules["plain_loop_mod"].count() == 6


def test_a_module_may_define_elements_in_functions(root):
    write(root / "shown_mod.py", "from scriptapps import st\ndef show():\n    st.text('from the module')\n")
    assert texts(run(write(root / "s.py", "import shown_mod\nshown_mod.show()"))) == ["from the module"]


def test_which_files_a_script_depends_on(root):
    write(root / "a_mod.py", "import b_mod")
    write(root / "b_mod.py", "import a_mod\nimport json")
    write(root / "c_mod.py", "")
    write(root / "pack2_mod" / "__init__.py", "")
    write(root / "pack2_mod" / "x.py", "def f():\n    import c_mod")
    write(root / "unused_mod.py", "")
    script = write(root / "s.py", "import a_mod\nfrom pack2_mod import x\n")
    names = {path.relative_to(root).as_posix() for path in imported_files(script, root)}
    assert names == {"a_mod.py", "b_mod.py", "c_mod.py", "pack2_mod/__init__.py", "pack2_mod/x.py"}


def test_a_broken_module_depends_on_nothing(root):
    write(root / "broken_mod.py", "import (")
    assert imported_files(write(root / "s.py", "import broken_mod"), root) == {root / "broken_mod.py"}


# -- the gate ----------------------------------------------------------------------------------------------------------


def test_modules_are_dropped_only_between_runs():
    gate = ModuleGate()
    entered, leave, order = threading.Event(), threading.Event(), []

    def hold() -> None:
        with gate.shared():
            entered.set()
            leave.wait(30)
            order.append("run ended")

    def drop() -> None:
        with gate.exclusive() as alone:
            order.append(f"dropped {alone}")

    threads = [threading.Thread(target=hold), threading.Thread(target=drop)]
    threads[0].start()
    entered.wait(30)
    threads[1].start()
    leave.set()
    for thread in threads:
        thread.join(30)
    assert order == ["run ended", "dropped True"]


def test_a_run_that_was_given_up_does_not_hold_the_gate():
    gate = ModuleGate()
    with gate.shared() as hold:
        gate.give_up(hold)
        with gate.exclusive() as alone:
            assert alone
        gate.give_up(hold)


def test_a_run_that_goes_on_for_too_long_does_not_hold_the_others_up_for_ever(monkeypatch):
    monkeypatch.setattr(modules, "EXCLUSIVE_WAIT", 0.01)
    gate = ModuleGate()
    with gate.shared(), gate.exclusive() as alone:
        assert not alone
