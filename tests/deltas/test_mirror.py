"""Whatever runs do, and whenever batches leave: what the browser holds is what the server holds.

A page is a flat program whose steps name earlier containers and handles by number, so that out-of-order writes, slots
written again, handles to what is gone and blocks that are reopened all occur.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from scriptapps.deltas.page_tree import PageTree
from tests.deltas.mirror import Mirror, Run

number = st.integers(0, 7)
body = st.sampled_from(["a", "b", "c", "d"])
step = st.one_of(
    st.tuples(st.just("text"), number, body),
    st.tuples(st.just("widget"), number, st.sampled_from(["u", "v", "w"]), st.booleans()),
    st.tuples(st.just("open"), number, st.sampled_from(["container", "columns", "empty"]), st.sampled_from(["", "p"])),
    st.tuples(st.just("drain"), st.integers(0, 1)),
    st.tuples(st.just("discard"), number),
    st.tuples(st.just("replace"), number, st.sampled_from(["text", "image"]), body),
    st.tuples(st.just("update"), number, body),
    st.tuples(st.just("clear"), number),
    st.tuples(st.just("close"), number),
    st.tuples(st.just("value"), st.sampled_from(["u", "v", "w"]), st.integers(0, 3)),
    st.tuples(st.just("snapshot"), st.integers(0, 1)),
)
program = st.lists(step, max_size=25)
programs = st.lists(st.tuples(program, st.booleans()), min_size=1, max_size=4)


@dataclass
class Play:
    """Plays one program as one run."""

    tree: PageTree
    mirrors: list[Mirror]
    run: Run = field(init=False)
    containers: list[Any] = field(init=False)
    handles: list[Any] = field(default_factory=list)
    widgets: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.run = Run(self.tree)
        self.containers = [self.tree.main, self.tree.sidebar]

    def play(self, steps: list[Any], prune: bool) -> None:
        for name, *arguments in steps:
            getattr(self, name)(*arguments)
        self.run.end(prune=prune)

    def place(self, at: int) -> Any:
        return self.containers[at % len(self.containers)]

    def handle(self, at: int) -> Any:
        return self.handles[at % len(self.handles)] if self.handles else None

    def text(self, at: int, text: str) -> None:
        self.handles.append(self.run.text(text, self.place(at)))

    def widget(self, at: int, name: str, forced: bool) -> None:
        if name not in self.widgets:
            self.widgets.add(name)
            self.handles.append(self.run.widget(name, 1, self.place(at), forced=forced))

    def open(self, at: int, kind: str, props: str) -> None:
        self.containers.append(self.run.container(self.place(at), kind, props))
        self.handles.append(self.containers[-1])

    def drain(self, which: int) -> None:
        self.mirrors[which].drain()

    def discard(self, at: int) -> None:
        if self.handles:
            self.tree.discard(self.handle(at))

    def replace(self, at: int, kind: str, text: str) -> None:
        if self.handles:
            self.handles.append(self.tree.replace(self.run.number, self.handle(at), kind, text.encode()))

    def update(self, at: int, text: str) -> None:
        self.tree.update_props(self.run.number, self.place(at + 2), text.encode())

    def clear(self, at: int) -> None:
        self.tree.clear(self.place(at))

    def close(self, at: int) -> None:
        self.tree.close_block(self.place(at))

    def value(self, name: str, value: int) -> None:
        self.tree.set_value(name, value)

    def snapshot(self, which: int) -> None:
        self.mirrors[which].assert_equal()


@settings(max_examples=400, deadline=None)
@given(programs)
def test_batches_alone_keep_both_sides_equal(played):
    tree = PageTree()
    mirrors = [Mirror(tree), Mirror(tree)]
    for steps, prune in played:
        Play(tree, mirrors).play(steps, prune)
    for mirror in mirrors:
        mirror.assert_equal()
    assert_consistent(tree, pruned=played[-1][1])


@settings(max_examples=200, deadline=None)
@given(program, program)
def test_the_page_after_a_run_depends_on_that_run_alone(before, after):
    """Ended with pruning, a page looks as if the run had been the first one."""
    after = [entry for entry in after if entry[0] not in ("value", "drain", "snapshot")]
    looks = []
    nothing: list[Any] = []
    for steps in (before, nothing):
        tree = PageTree()
        Play(tree, [Mirror(tree), Mirror(tree)]).play(steps, True)
        Play(tree, []).play(after, True)
        looks.append(look(tree.main) + look(tree.sidebar))
    assert looks[0] == looks[1]


@settings(max_examples=200, deadline=None)
@given(program)
def test_the_same_run_again_sends_nothing(steps):
    calm = [entry for entry in steps if entry[0] in ("text", "widget", "open")]
    tree = PageTree()
    mirror = Mirror(tree)
    single = False
    for _ in range(3):
        play = Play(tree, [mirror, mirror])
        play.play([(name, *rest) for name, *rest in calm if not (name == "widget" and rest[-1])], True)
        deltas = mirror.drain()
        single = any(node.single for node in tree.walk())
    assert single or deltas == []


def look(node: Any) -> list[Any]:
    """A container's content without numbers and values."""
    return [(child.kind, child.props, child.widget_id, look(child)) for child in node.children]


def assert_consistent(tree: PageTree, *, pruned: bool) -> None:
    """No node on the page is gone, unnumbered or placed twice; the widget index names nodes on the page."""
    nodes = list(tree.walk())
    numbers = [node.number for node in nodes]
    assert len(set(numbers)) == len(numbers)
    assert all(numbers)
    assert not any(node.gone for node in nodes)
    assert all(child.parent is node for node in nodes for child in node.children)
    assert set(tree.widgets.values()) <= set(nodes)
    # A widget that moved stands twice on the page of a run that was given up; the newer one is the widget.
    if pruned:
        assert {node.widget_id for node in nodes if node.widget_id} == set(tree.widgets)
