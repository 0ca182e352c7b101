"""Values of Django, numpy and pandas in durable state. Runs on: pytest."""

from __future__ import annotations

import datetime
import decimal
import subprocess
import sys
from typing import Any

import numpy as np
import pandas as pd
import pytest
from django.contrib.auth.models import Group, User
from django.utils.html import format_html
from django.utils.safestring import SafeString

from scriptapps.errors import NotDurableError
from scriptapps.runtime.state_codec import decode_value, encode_value
from scriptapps.state_types import MAX_ROWS


def again(value: Any) -> Any:
    return decode_value(encode_value(value))


# -- Django ------------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
class TestModels:
    def test_an_instance_comes_back_as_the_database_has_it(self) -> None:
        group = Group.objects.create(name="before")
        data = encode_value({"group": group})
        Group.objects.filter(pk=group.pk).update(name="after")
        back = decode_value(data)["group"]
        assert type(back) is Group
        assert back == group
        assert back.name == "after"

    def test_changes_that_were_not_saved_are_not_kept(self) -> None:
        group = Group.objects.create(name="saved")
        group.name = "only in memory"
        assert again(group).name == "saved"

    def test_what_is_gone_is_said_to_be_gone(self) -> None:
        group = Group.objects.create(name="x")
        key, data = group.pk, encode_value(group)
        group.delete()
        with pytest.raises(NotDurableError, match=f"group {key} does not exist"):
            decode_value(data)

    def test_what_was_never_saved_is_not_durable(self) -> None:
        with pytest.raises(NotDurableError, match="this group has not been saved"):
            encode_value(Group(name="x"))
        with pytest.raises(NotDurableError, match="has not been saved"):
            encode_value(Group(pk=7, name="x"))

    @pytest.mark.parametrize("label", ["auth.nothing", "nothing.group", "nothing", ""])
    def test_a_model_that_does_not_exist_any_more(self, label: str) -> None:
        data = encode_value(Group.objects.create(name="x")).replace(b"auth.group", label.encode())
        with pytest.raises(NotDurableError, match="its model"):
            decode_value(data)

    def test_the_user_of_a_request(self) -> None:
        from django.utils.functional import SimpleLazyObject

        user = User.objects.create_user("ada")
        back = again(SimpleLazyObject(lambda: user))
        assert type(back) is User
        assert back == user

    def test_rows_of_an_evaluated_queryset_keep_their_order(self) -> None:
        for name in "cab":
            Group.objects.create(name=name)
        rows = Group.objects.order_by("-name")
        assert [group.name for group in rows] == ["c", "b", "a"]
        data = encode_value(rows)
        Group.objects.filter(name="b").delete()
        back = decode_value(data)
        assert [group.name for group in back] == ["c", "a"]
        assert [group.name for group in back.filter(name="a")] == ["a"]

    def test_an_empty_result_is_a_result(self) -> None:
        rows = Group.objects.filter(name="nobody")
        assert not rows
        assert list(again(rows)) == []

    def test_querysets_that_are_not_durable_say_what_to_do(self) -> None:
        Group.objects.create(name="x")
        with pytest.raises(NotDurableError, match="not been evaluated"):
            encode_value(Group.objects.all())
        values = Group.objects.values("name")
        list(values)
        with pytest.raises(NotDurableError, match=r"keep list\(...\) of it"):
            encode_value(values)
        assert again(list(values)) == [{"name": "x"}]
        from django.db.models import Count

        annotated = Group.objects.annotate(users=Count("user"))
        list(annotated)
        with pytest.raises(NotDurableError, match="annotations"):
            encode_value(annotated)
        Group.objects.bulk_create(Group(name=f"g{number}") for number in range(MAX_ROWS))
        many = Group.objects.all()
        list(many)
        with pytest.raises(NotDurableError, match=r"1,001 rows, more than 1,000"):
            encode_value(many)


def test_safe_text_stays_safe_and_text_stays_text() -> None:
    safe = format_html("<b>{}</b>", "<")
    assert type(again(safe)) is SafeString
    assert again(safe) == "<b>&lt;</b>"
    assert type(again("<b>")) is str


# -- numpy -------------------------------------------------------------------------------------------------------------

ARRAYS = [
    np.arange(6).reshape(2, 3),
    np.arange(6.0).reshape(2, 3).T,
    np.array(3.5),
    np.array([], dtype="f4"),
    np.zeros((0, 3), dtype="u1"),
    np.array([True, False]),
    np.array([1 + 2j]),
    np.array([np.nan, np.inf, -0.0]),
    np.array(["a", "öß", ""]),
    np.array([b"a", b"bc"]),
    np.array(["2026-01-01", "NaT"], dtype="datetime64[ns]"),
    np.array([1, 2], dtype="timedelta64[s]"),
    np.array([1, 2], dtype=">i4"),
]


@pytest.mark.parametrize("array", ARRAYS, ids=lambda array: f"{array.dtype}-{array.shape}")
def test_arrays_come_back_equal_and_can_be_written(array: np.ndarray) -> None:
    back = again(array)
    np.testing.assert_array_equal(back, array)
    assert back.dtype == array.dtype
    assert back.shape == array.shape
    assert back.flags.writeable


@pytest.mark.parametrize(
    "scalar", [np.int64(3), np.float64(0.5), np.float32(0.5), np.bool_(True), np.str_("x"), np.datetime64("2026-01-01")]
)
def test_scalars_keep_their_type(scalar: Any) -> None:
    back = again([scalar])[0]
    assert back == scalar
    assert type(back) is type(scalar)


def test_arrays_of_objects_are_refused_both_ways() -> None:
    with pytest.raises(NotDurableError, match="arrays of object"):
        encode_value(np.array([object()]))
    with pytest.raises(NotDurableError, match="arrays of"):
        encode_value(np.zeros(1, dtype="i4,f8"))
    with pytest.raises(NotDurableError):
        decode_value(b'{"$type":"ndarray","v":["|O",[1],{"$type":"bytes","v":"AAAAAAAAAAA="}]}')
    with pytest.raises(NotDurableError):
        decode_value(b'{"$type":"ndarray","v":["<i8",[1000000000000],{"$type":"bytes","v":""}]}')
    masked = np.ma.masked_array([1, 2], mask=[True, False])
    with pytest.raises(NotDurableError, match="MaskedArray cannot be stored"):
        encode_value(masked)


# -- pandas ------------------------------------------------------------------------------------------------------------

MOMENTS = pd.date_range("2026-10-24", periods=3, freq="D")
FRAMES = {
    "numbers": pd.DataFrame({"a": [1, 2], "b": [0.5, None], "c": [True, False]}),
    "text": pd.DataFrame({"t": ["a", "ü"], "u": ["x", None]}),
    "objects": pd.DataFrame({"t": pd.Series(["a", None, float("nan")], dtype=object)}),
    "moments": pd.DataFrame({"t": MOMENTS, "d": pd.to_timedelta([1, 2, None], unit="h")}),
    "zones": pd.DataFrame({"t": MOMENTS.tz_localize("Europe/Berlin"), "u": MOMENTS.tz_localize("UTC")}),
    "categories": pd.DataFrame({"k": pd.Categorical(["a", None, "b"], categories=["b", "a", "c"], ordered=True)}),
    "nullable": pd.DataFrame(
        {
            "i": pd.array([1, None], dtype="Int64"),
            "u": pd.array([1, None], dtype="UInt8"),
            "f": pd.array([1.5, None], dtype="Float32"),
            "b": pd.array([True, None], dtype="boolean"),
            "s": pd.array(["x", None], dtype="string"),
        }
    ),
    "empty": pd.DataFrame(),
    "no rows": pd.DataFrame({"a": pd.Series([], dtype="i8"), "t": pd.Series([], dtype=object)}),
    "indexed": pd.DataFrame({"a": [1, 2, 3]}, index=MOMENTS.rename("day")),
    "text index": pd.DataFrame({"a": [1, 2]}, index=pd.Index(["x", "y"], name="key")),
    "levels": pd.DataFrame({"a": [1, 2]}, index=pd.MultiIndex.from_tuples([("x", 1), ("y", 2)], names=["k", None])),
    "wide levels": pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("x", "a"), ("x", "b")])),
    "numbered columns": pd.DataFrame([[1, 2.5], [3, 4.5]]),
    "same names": pd.DataFrame([[1, "x"]], columns=["a", "a"]),
}


@pytest.mark.parametrize("name", FRAMES)
def test_frames_come_back_equal(name: str) -> None:
    frame = FRAMES[name]
    back = again({"frame": frame})["frame"]
    pd.testing.assert_frame_equal(back, frame, check_freq=True, check_exact=True)
    assert encode_value(back) == encode_value(frame)


@pytest.mark.parametrize("name", [name for name in FRAMES if FRAMES[name].shape[1]])
def test_series_and_indexes_come_back_equal(name: str) -> None:
    frame = FRAMES[name]
    pd.testing.assert_series_equal(again(frame.iloc[:, 0]), frame.iloc[:, 0])
    pd.testing.assert_index_equal(again(frame.index), frame.index, exact=True)


def test_a_frame_can_be_changed_after_it_came_back() -> None:
    back = again(FRAMES["numbers"])
    back.loc[0, "a"] = 9
    back["z"] = "new"
    assert back.loc[0, "a"] == 9


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (pd.DataFrame({"x": [1, "a"]}), "column 'x' holds objects of int"),
        (pd.DataFrame({"x": [decimal.Decimal(1)]}), "column 'x' holds objects of Decimal"),
        (pd.DataFrame({"x": [datetime.date(2026, 1, 1)]}), "column 'x' holds objects of date"),
        (pd.DataFrame({"x": pd.period_range("2026", periods=1)}), "column 'x' is of period"),
        (pd.DataFrame({"x": pd.arrays.SparseArray([0, 1])}), "column 'x' is of Sparse"),
        (pd.DataFrame({"x": [1]}, index=pd.interval_range(0, 1)), "its index is of interval"),
    ],
)
def test_columns_that_cannot_be_kept_are_named(frame: pd.DataFrame, reason: str) -> None:
    with pytest.raises(NotDurableError, match=reason):
        encode_value(frame)


@pytest.mark.parametrize(
    "value",
    [
        pd.Timestamp("2026-10-25 00:30", tz="UTC").tz_convert("Europe/Berlin"),
        pd.Timestamp("2026-01-01 00:00:00.123456789"),
        pd.Timestamp(1, unit="s"),
        pd.Timedelta("1 day 2 ns"),
    ],
)
def test_moments_of_pandas(value: Any) -> None:
    back = again(value)
    assert back == value
    assert type(back) is type(value)
    assert back.unit == value.unit


def test_missing_values_of_pandas() -> None:
    assert again(pd.NaT) is pd.NaT
    assert again(pd.NA) is pd.NA


def test_neither_package_is_loaded_for_what_needs_neither() -> None:
    code = (
        "import os, sys, django\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'project.settings')\ndjango.setup()\n"
        "from scriptapps.runtime.state_codec import encode_value\n"
        "from scriptapps.errors import NotDurableError\n"
        "encode_value({'a': [1, 'x', (2,), {3}]})\n"
        "try:\n    encode_value(object())\nexcept NotDurableError:\n    pass\n"
        "assert not {'numpy', 'pandas'} & set(sys.modules), 'loaded'"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
