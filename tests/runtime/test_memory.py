"""The estimate of what a session takes: near the truth for plain values, bounded for the rest, and nobody is called."""

import sys
import time
from types import SimpleNamespace

import pytest

from scriptapps.deltas.node import Node
from scriptapps.runtime.memory import _Measure, estimated_bytes, page_bytes
from scriptapps.runtime.state_journal import Stored
from scriptapps.testing import ScriptTester


def size(value):
    return _Measure().of(value)


def test_a_page_with_more_on_it_and_more_in_its_state_takes_more():
    small = ScriptTester.from_string("from scriptapps import st\nst.write('hello')").run()
    large = ScriptTester.from_string(
        "from scriptapps import st\n"
        "for number in range(100):\n"
        "    st.code('x' * 1000 + str(number))\n"
        "st.session_state['rows'] = ['y' * 1000 + str(number) for number in range(200)]\n"
    ).run()
    assert estimated_bytes(small.session) < 5_000
    assert 300_000 < estimated_bytes(large.session) < 400_000


def test_large_collections_are_judged_by_a_part_of_them():
    texts = ["y" * 100 + str(number) for number in range(5_000)]
    assert size(texts) == pytest.approx(sys.getsizeof(texts) + sum(map(sys.getsizeof, texts)), rel=0.1)
    named = {f"key {number}": float(number) for number in range(5_000)}
    items = [*named, *named.values()]
    assert size(named) == pytest.approx(sys.getsizeof(named) + sum(map(sys.getsizeof, items)), rel=0.1)
    lines = [[float(number + place) for place in range(10)] for number in range(1_000)]
    whole = sys.getsizeof(lines) + sum(sys.getsizeof(line) + sum(map(sys.getsizeof, line)) for line in lines)
    assert size(lines) == pytest.approx(whole, rel=0.1)


def test_arrays_say_it_themselves():
    numpy = pytest.importorskip("numpy")
    pandas = pytest.importorskip("pandas")
    assert size(numpy.zeros(100_000)) == 800_000
    assert 800_000 <= size(pandas.DataFrame({"a": numpy.zeros(100_000)})) < 802_000


def test_what_a_script_made_is_not_asked():
    class Loud:
        def __sizeof__(self):
            raise AssertionError

        def __len__(self):
            raise AssertionError

        def __getattr__(self, name):
            raise AssertionError(name)

    loud = Loud()
    vars(loud)["text"] = "z" * 10_000
    assert 10_000 < size(loud) < 11_000


def test_circles_depth_and_stored_values():
    circle: list = []
    circle.append(circle)
    deep: list = []
    for _ in range(10_000):
        deep = [deep]
    shared = "s" * 1_000
    assert size(circle) < 200
    assert size(deep) < 5_000
    assert size(Stored(b"x" * 1_000)) >= 1_000
    assert size(SimpleNamespace(a=shared)) > 1_000


def test_very_large_pages_and_values_cost_no_more_time():
    root = Node("root", b"")
    root.children = [Node("text", b"x" * 100) for _ in range(200_000)]
    many = {number: [number] * 3 for number in range(200_000)}
    started = time.process_time()
    assert page_bytes([root]) == pytest.approx(200_000 * 500, rel=0.01)
    assert size([many, list(many.values())]) > 10_000_000
    # Looking at all of it takes ten times as long.
    assert time.process_time() - started < 0.1
