"""Which sibling continues which: order is kept, widgets keep their identity, content comes before kind."""

import random

from hypothesis import given
from hypothesis import strategies as st

from scriptapps.deltas import matching
from scriptapps.deltas.matching import match_siblings
from scriptapps.deltas.node import Node


def text(body: str) -> Node:
    return Node("text", body.encode())


def widget(name: str, props: str = "") -> Node:
    return Node("slider", props.encode(), name)


def texts(bodies: str) -> list[Node]:
    return [text(body) for body in bodies]


def test_equal_siblings_continue_each_other():
    assert match_siblings(texts("abc"), texts("abc")) == [0, 1, 2]


def test_an_insertion_at_the_top_leaves_the_rest_as_it_was():
    assert match_siblings(texts("abc"), texts("xabc")) == [None, 0, 1, 2]


def test_a_removal_leaves_the_rest_as_it_was():
    assert match_siblings(texts("abcd"), texts("ad")) == [0, 3]


def test_changed_content_continues_the_element_of_its_kind_between_equal_ones():
    assert match_siblings(texts("abc"), texts("axc")) == [0, 1, 2]


def test_another_kind_continues_nothing():
    assert match_siblings(texts("abc"), [text("a"), Node("image", b"b"), text("c")]) == [0, None, 2]


def test_a_widget_continues_only_itself():
    assert match_siblings([widget("one")], [widget("two")]) == [None]
    assert match_siblings([widget("one", "old")], [widget("one", "new")]) == [0]


def test_a_plain_element_never_continues_a_widget():
    assert match_siblings([widget("one")], [Node("slider", b"")]) == [None]


def test_changed_elements_pair_by_kind_in_order():
    old = [text("a"), Node("image", b"1"), text("b")]
    new = [Node("image", b"2"), text("c")]
    assert match_siblings(old, new) == [1, 2]


def test_beyond_the_limit_only_the_ends_are_compared(monkeypatch):
    monkeypatch.setattr(matching, "TOO_MANY", 0)
    assert match_siblings(texts("abxcd"), texts("abyzcd")) == [0, 1, 2, None, 3, 4]


def test_nothing_against_something():
    assert match_siblings([], texts("ab")) == [None, None]
    assert match_siblings(texts("ab"), []) == []


siblings = st.lists(
    st.one_of(st.sampled_from("abcdef").map(text), st.sampled_from(["u", "v", "w"]).map(widget)), max_size=14
)


@given(siblings, siblings)
def test_pairs_keep_order_and_are_used_once(old, new):
    pairs = match_siblings(old, new)
    used = [pair for pair in pairs if pair is not None]
    assert used == sorted(set(used))
    for node, pair in zip(new, pairs, strict=True):
        if pair is not None:
            assert old[pair].kind == node.kind
            assert old[pair].widget_id == node.widget_id


@given(siblings, st.randoms(use_true_random=False))
def test_what_is_only_thinned_out_matches_whole(old, randomness: random.Random):
    unique = {id(node): node for node in old if [other.key for other in old].count(node.key) == 1}
    new = [node for node in unique.values() if randomness.random() < 0.6]
    assert match_siblings(list(unique.values()), new) == [list(unique.values()).index(node) for node in new]
