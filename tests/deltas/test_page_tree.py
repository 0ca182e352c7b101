"""The page tree: what changes between two runs, and nothing else, leaves for the browser."""

import pytest

from scriptapps.deltas.observed_tree import MAIN, SIDEBAR
from scriptapps.deltas.page_tree import PageTree
from scriptapps.errors import ScriptApiError, StopScript
from tests.deltas.mirror import Mirror, Run, kinds


@pytest.fixture
def tree() -> PageTree:
    return PageTree()


@pytest.fixture
def mirror(tree) -> Mirror:
    return Mirror(tree)


def page(tree: PageTree, bodies, *, prune: bool = True) -> Run:
    run = Run(tree)
    for body in bodies:
        run.text(body)
    run.end(prune=prune)
    return run


def bodies(tree: PageTree, parent=None) -> list[str]:
    return [node.props.decode() for node in (parent or tree.main).children]


def test_the_roots_have_fixed_numbers(tree):
    assert (tree.main.number, tree.sidebar.number) == (MAIN, SIDEBAR) == (1, 2)


def test_a_run_that_changes_nothing_sends_nothing(tree, mirror):
    page(tree, "abc")
    mirror.drain()
    page(tree, "abc")
    assert mirror.drain() == []
    mirror.assert_equal()


def test_one_of_two_hundred_that_changes_is_one_set(tree, mirror):
    before = [f"line {n}" for n in range(200)]
    page(tree, before)
    mirror.drain()
    page(tree, [*before[:77], "changed", *before[78:]])
    [delta] = mirror.drain()
    assert delta.set.props == b"changed"
    assert not delta.set.HasField("value")
    mirror.assert_equal()


def test_an_element_at_the_top_is_one_insert(tree, mirror):
    before = [f"line {n}" for n in range(200)]
    page(tree, before)
    mirror.drain()
    page(tree, ["new", *before])
    [delta] = mirror.drain()
    assert (delta.insert.parent, delta.insert.index, delta.insert.node.props) == (1, 0, b"new")
    mirror.assert_equal()


def test_a_removed_element_is_one_remove(tree, mirror):
    page(tree, "abcde")
    mirror.drain()
    page(tree, "abde")
    assert kinds(mirror.drain()) == ["remove"]
    mirror.assert_equal()


def test_widgets_keep_their_numbers_when_something_comes_above(tree, mirror):
    run = Run(tree)
    old = [run.widget(name) for name in ("one", "two", "three")]
    run.end()
    mirror.drain()
    run = Run(tree)
    run.text("new")
    new = [run.widget(name) for name in ("one", "two", "three")]
    run.end()
    assert [node.resolve() for node in new] == old
    assert kinds(mirror.drain()) == ["insert"]


def test_a_widget_with_new_properties_stays_the_same_node(tree, mirror):
    run = Run(tree)
    node = run.widget("one", props="min=1")
    run.end()
    mirror.drain()
    run = Run(tree)
    assert run.widget("one", props="min=2").resolve() is node
    run.end()
    assert kinds(mirror.drain()) == ["set"]


def test_another_widget_at_the_place_is_another_node(tree, mirror):
    run = Run(tree)
    run.widget("one")
    run.end()
    mirror.drain()
    run = Run(tree)
    run.widget("two")
    run.end()
    assert sorted(kinds(mirror.drain())) == ["insert", "remove"]
    assert set(tree.widgets) == {"two"}
    mirror.assert_equal()


def test_reordered_elements_arrive_in_the_new_order(tree, mirror):
    page(tree, "abcdef")
    mirror.drain()
    page(tree, "fedcba")
    assert bodies(tree) == list("fedcba")
    mirror.assert_equal()


def test_swapped_widgets_keep_one_of_the_two(tree, mirror):
    run = Run(tree)
    run.widget("one", 1)
    run.widget("two", 2)
    run.end()
    mirror.drain()
    run = Run(tree)
    run.widget("two", 2)
    run.widget("one", 1)
    run.end()
    assert sorted(kinds(mirror.drain())) == ["insert", "remove"]
    mirror.assert_equal()
    assert {name: node.value for name, node in tree.widgets.items()} == {"one": 1, "two": 2}


def test_a_changed_width_travels_alone(tree, mirror):
    run = Run(tree)
    run.text("a", width="stretch")
    run.end()
    mirror.drain()
    run = Run(tree)
    run.text("a", width="content")
    run.end()
    [delta] = mirror.drain()
    assert delta.set.width == "content"
    assert not delta.set.HasField("props")
    mirror.assert_equal()


# -- containers --------------------------------------------------------------------------------------------------------


def test_an_equal_container_keeps_what_is_in_it(tree, mirror):
    for _ in range(2):
        run = Run(tree)
        box = run.container()
        run.text("a", box)
        run.widget("one", parent=box)
        run.end()
        deltas = mirror.drain()
    assert deltas == []


def test_a_container_below_an_insertion_keeps_what_is_in_it(tree, mirror):
    run = Run(tree)
    box = run.container()
    widget = run.widget("one", parent=box)
    run.end()
    mirror.drain()
    run = Run(tree)
    run.text("new")
    box = run.container()
    run.text("also new", box)
    assert run.widget("one", parent=box).resolve() is not None
    run.end()
    assert tree.widgets["one"] is widget
    assert kinds(mirror.drain()) == ["insert", "insert"]
    mirror.assert_equal()


def test_a_container_whose_properties_change_keeps_what_is_in_it(tree, mirror):
    for label in ("closed", "open"):
        run = Run(tree)
        box = run.container(kind="expander", props=label)
        run.text("a", box)
        run.end()
        deltas = mirror.drain()
    assert kinds(deltas) == ["set"]


def test_a_container_that_goes_takes_everything_with_it(tree, mirror):
    run = Run(tree)
    run.widget("inside", parent=run.container(run.container()))
    run.end()
    mirror.drain()
    page(tree, "a")
    assert tree.widgets == {}
    mirror.assert_equal()


def test_columns_may_be_filled_out_of_order(tree, mirror):
    for shift in ("", "!"):
        run = Run(tree)
        row = run.container(kind="columns")
        left, right = run.container(row, "column"), run.container(row, "column")
        run.text("right 1" + shift, right)
        run.text("left 1", left)
        run.text("right 2", right)
        run.text("left 2" + shift, left)
        run.end()
        mirror.assert_equal()
        assert bodies(tree, right.resolve()) == ["right 1" + shift, "right 2"]
        assert bodies(tree, left.resolve()) == ["left 1", "left 2" + shift]


def test_a_container_may_be_filled_after_what_follows_it(tree, mirror):
    for _ in range(3):
        run = Run(tree)
        above = run.container()
        run.text("below")
        run.text("late", above)
        run.end()
        mirror.assert_equal()
        assert bodies(tree, above.resolve()) == ["late"]


def test_the_sidebar_is_a_place_of_its_own(tree, mirror):
    run = Run(tree)
    run.text("main")
    run.text("side", tree.sidebar)
    run.end()
    mirror.assert_equal()
    assert bodies(tree, tree.sidebar) == ["side"]


# -- a place for one ---------------------------------------------------------------------------------------------------


def test_each_write_into_a_slot_replaces_the_one_before(tree, mirror):
    run = Run(tree)
    slot = run.container(kind="empty")
    for number in range(5):
        run.text(str(number), slot)
        mirror.drain()
    run.end()
    assert bodies(tree, slot.resolve()) == ["4"]
    assert kinds(mirror.deltas) == ["insert", *["set"] * 4]
    mirror.assert_equal()


def test_a_slot_changes_kind(tree, mirror):
    run = Run(tree)
    slot = run.container(kind="empty")
    run.text("waiting", slot)
    mirror.drain()
    run.widget("done", parent=slot)
    run.end()
    mirror.assert_equal()
    assert [node.kind for node in slot.resolve().children] == ["slider"]


def test_a_container_reopened_in_a_slot_starts_empty(tree, mirror):
    run = Run(tree)
    slot = run.container(kind="empty")
    box = run.container(slot)
    run.text("first", box)
    run.text("second", box)
    tree.close_block(box)
    mirror.assert_equal()
    box = run.container(slot)
    run.text("second", box)
    tree.close_block(box)
    mirror.assert_equal()
    assert bodies(tree, box.resolve()) == ["second"]
    run.text("third", box)
    run.end()
    mirror.assert_equal()
    assert bodies(tree, box.resolve()) == ["second", "third"]


def test_a_slot_that_gets_nothing_is_empty_after_the_run(tree, mirror):
    run = Run(tree)
    run.text("old", run.container(kind="empty"))
    run.end()
    run = Run(tree)
    slot = run.container(kind="empty")
    run.end()
    mirror.assert_equal()
    assert slot.resolve().children == []


def test_a_cleared_slot_is_empty_at_once(tree, mirror):
    run = Run(tree)
    slot = run.container(kind="empty")
    run.text("a", slot)
    mirror.drain()
    tree.clear(slot)
    assert kinds(mirror.drain()) == ["remove"]
    mirror.assert_equal()


def test_writes_into_what_is_gone_reach_nobody(tree, mirror):
    run = Run(tree)
    slot = run.container(kind="empty")
    box = run.container(slot)
    inner = run.container(box, "empty")
    run.text("deep", inner)
    handle = run.text("handle", box)
    mirror.drain()
    run.text("instead", slot)
    mirror.drain()
    run.text("lost", box)
    run.text("lost too", inner)
    run.widget("lost widget", parent=inner)
    run.text("lost again", run.container(box))
    tree.clear(inner)
    tree.replace(run.number, handle, "text", b"lost as well")
    tree.discard(handle)
    assert mirror.drain() == []
    run.end()
    mirror.assert_equal()
    assert "lost widget" not in tree.widgets


@pytest.mark.parametrize("drained", [True, False])
def test_a_handle_to_what_a_slot_held_may_be_used_for_ever(tree, mirror, drained):
    page(tree, "ab")
    mirror.drain()
    run = Run(tree)
    # Something new above keeps the slot pending, so that the handle has no number yet.
    run.text("new")
    slot = run.container(kind="empty")
    handle = run.text("one", slot)
    if drained:
        mirror.drain()
    tree.clear(slot)
    tree.replace(run.number, handle, "image", b"two")
    run.widget("w", parent=slot)
    tree.replace(run.number, handle, "image", b"three")
    box = run.container(slot)
    inner = run.text("in the box", box)
    run.container(slot)
    tree.replace(run.number, inner, "image", b"four")
    tree.discard(inner)
    tree.replace(run.number, inner, "image", b"five")
    run.end()
    mirror.assert_equal()


# -- in the middle of a run --------------------------------------------------------------------------------------------


def test_what_is_certain_leaves_in_the_middle_of_a_run(tree, mirror):
    run = Run(tree)
    run.text("a")
    assert kinds(mirror.drain()) == ["insert"]
    run.text("b")
    assert kinds(mirror.drain()) == ["insert"]
    run.end()
    assert mirror.drain() == []


def test_a_pending_element_wakes_the_viewer_and_leaves_at_the_drain(tree, mirror):
    page(tree, "abc")
    mirror.drain()
    mirror.wakes.clear()
    run = Run(tree)
    run.text("x")
    assert mirror.wakes
    assert kinds(mirror.drain()) == ["set"]
    run.text("b")
    run.text("c")
    run.end()
    assert mirror.drain() == []
    mirror.assert_equal()


def test_old_elements_stay_until_the_run_ends(tree, mirror):
    page(tree, "abc")
    mirror.drain()
    run = Run(tree)
    run.text("a")
    assert mirror.drain() == []
    assert bodies(tree) == list("abc")
    run.end()
    assert kinds(mirror.drain()) == ["remove", "remove"]


def test_a_superseded_run_leaves_what_it_did_not_reach(tree, mirror):
    page(tree, "abc")
    page(tree, "x", prune=False)
    mirror.assert_equal()
    assert bodies(tree) == list("xbc")
    page(tree, "xbc")
    mirror.assert_equal()
    assert bodies(tree) == list("xbc")


def test_a_discarded_element_goes_at_once_and_its_place_is_taken_again(tree, mirror):
    for _ in range(2):
        run = Run(tree)
        run.text("a")
        spinner = run.text("spinner")
        mirror.drain()
        tree.discard(spinner)
        mirror.assert_equal()
        run.text("b")
        run.end()
        mirror.assert_equal()
        assert bodies(tree) == ["a", "b"]


def test_a_pending_element_can_be_discarded(tree, mirror):
    page(tree, "ab")
    mirror.drain()
    run = Run(tree)
    node = run.text("x")
    tree.discard(node)
    run.text("a")
    run.text("b")
    run.end()
    assert mirror.drain() == []


def test_a_replaced_element_keeps_its_place(tree, mirror):
    run = Run(tree)
    node = run.text("a")
    run.text("b")
    mirror.drain()
    node = tree.replace(run.number, node, "text", b"c")
    assert kinds(mirror.drain()) == ["set"]
    tree.replace(run.number, node, "image", b"d")
    run.end()
    mirror.assert_equal()
    assert bodies(tree) == ["d", "b"]


def test_a_pending_element_can_be_replaced(tree, mirror):
    page(tree, "ab")
    mirror.drain()
    run = Run(tree)
    node = run.text("x")
    tree.replace(run.number, node, "image", b"y")
    run.text("b")
    run.end()
    mirror.assert_equal()
    assert bodies(tree) == ["y", "b"]


def test_properties_of_a_pending_container_can_change(tree, mirror):
    page(tree, "ab")
    run = Run(tree)
    box = run.container(kind="status", props="running")
    run.text("inside", box)
    tree.update_props(run.number, box, b"complete")
    run.end()
    mirror.assert_equal()
    assert bodies(tree) == ["complete"]


# -- values ------------------------------------------------------------------------------------------------------------


def test_the_shown_value_stays_when_the_script_did_not_change_it(tree, mirror):
    run = Run(tree)
    run.widget("one", 1)
    run.end()
    mirror.drain()
    tree.set_value("one", 5)
    run = Run(tree)
    run.widget("one", 1)
    run.end()
    [delta] = mirror.drain()
    assert delta.set.value.number == 5
    mirror.assert_equal()


@pytest.mark.parametrize("above", [[], ["new"]])
def test_a_value_that_the_script_set_is_sent(tree, mirror, above):
    run = Run(tree)
    run.widget("one", 1)
    run.end()
    mirror.drain()
    run = Run(tree)
    for body in above:
        run.text(body)
    run.widget("one", 9, forced=True)
    run.end()
    assert tree.widgets["one"].value == 9
    assert "set" in kinds(mirror.drain())
    mirror.assert_equal()


def test_the_viewer_who_set_a_value_is_not_told(tree):
    mine, other = Mirror(tree), Mirror(tree)
    run = Run(tree)
    run.widget("one", 1)
    run.end()
    mine.drain()
    other.drain()
    tree.set_value("one", 2, origin=mine.outbox)
    assert mine.drain() == []
    assert kinds(other.drain()) == ["set"]


# -- runs that are over ------------------------------------------------------------------------------------------------


def test_an_abandoned_run_cannot_write(tree, mirror):
    run = Run(tree)
    node = run.text("a")
    tree.abandon_run()
    for write in (
        lambda: run.text("b"),
        lambda: tree.replace(run.number, node, "text", b"c"),
        lambda: tree.update_props(run.number, node, b"d"),
    ):
        with pytest.raises((StopScript, ScriptApiError)):
            write()
    run.end()
    assert bodies(tree) == ["a"]
    mirror.assert_equal()


def test_a_page_can_be_abandoned_twice(tree, mirror):
    Run(tree).text("a")
    tree.abandon_run()
    tree.abandon_run()
    page(tree, "b")
    mirror.assert_equal()
    assert bodies(tree) == ["b"]
