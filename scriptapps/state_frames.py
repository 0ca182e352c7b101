"""Arrays of numpy and tables of pandas as durable values: their buffers column by column, never pickle.

Runs on: the script thread. Invariant: neither package is imported before a value of it is met; a column whose content
cannot be kept exactly is refused by its name.
"""

from __future__ import annotations

from typing import Any

from scriptapps.errors import NotDurableError
from scriptapps.runtime.state_codec import ValueType, register_value_type

PLAIN_KINDS = "biufcMmSU"
"""numpy's kinds of numbers, moments and fixed texts: bytes that mean the same everywhere, and no Python objects."""
NULLABLE = ("Int", "UInt", "Float", "boolean")


def register_frames() -> None:
    """Teach the codec these types. Called once by the AppConfig."""
    for value_type in (
        ValueType("ndarray", lambda value: _is(value, "numpy", "ndarray"), _encode_array, _decode_array),
        ValueType("numpy scalar", _is_scalar, _encode_scalar, _decode_scalar),
        ValueType("dataframe", lambda value: _is(value, "pandas", "DataFrame"), _encode_frame, _decode_frame),
        ValueType("series", lambda value: _is(value, "pandas", "Series"), _encode_series, _decode_series),
        ValueType("index", _is_index, _encode_index, _decode_index),
        ValueType("timestamp", lambda value: _is(value, "pandas", "Timestamp"), _encode_timestamp, _decode_timestamp),
        ValueType("pandas timedelta", lambda value: _is(value, "pandas", "Timedelta"), _encode_delta, _decode_delta),
        ValueType("missing", _is_missing, lambda value: type(value).__name__, _decode_missing),
    ):
        register_value_type(value_type)


def _package(value: Any) -> str:
    return type(value).__module__.partition(".")[0]


def _is(value: Any, package: str, name: str) -> bool:
    """Whether it is of exactly this type: what a subclass adds would be lost."""
    return type(value).__name__ == name and _package(value) == package


def _is_index(value: Any) -> bool:
    if _package(value) != "pandas":
        return False
    import pandas as pd

    return isinstance(value, pd.Index)


# -- numpy -------------------------------------------------------------------------------------------------------------


def _is_scalar(value: Any) -> bool:
    if _package(value) != "numpy":
        return False
    import numpy as np

    return isinstance(value, np.generic) and value.dtype.kind in PLAIN_KINDS


def _encode_array(array: Any) -> Any:
    if array.dtype.kind not in PLAIN_KINDS:
        raise NotDurableError(f"arrays of {array.dtype} cannot be stored")
    return [array.dtype.str, list(array.shape), array.tobytes()]


def _decode_array(content: Any) -> Any:
    import numpy as np

    name, shape, data = content
    dtype = np.dtype(name)
    if dtype.kind not in PLAIN_KINDS:
        raise NotDurableError(f"arrays of {dtype} cannot be read back")
    # A copy, because what is read from bytes cannot be written to.
    return np.frombuffer(data, dtype).reshape(shape).copy()


def _encode_scalar(value: Any) -> Any:
    return [value.dtype.str, value.tobytes()]


def _decode_scalar(content: Any) -> Any:
    return _decode_array([content[0], [1], content[1]])[0]


# -- pandas: one column ------------------------------------------------------------------------------------------------


def _encode_column(values: Any, name: Any) -> list[Any]:
    """The kind of a column (an array of pandas or numpy) and its content."""
    import numpy as np
    import pandas as pd

    if type(values) is pd.arrays.NumpyExtensionArray:
        values = values.to_numpy()
    dtype = values.dtype
    if isinstance(dtype, np.dtype) and dtype.kind in PLAIN_KINDS:
        return ["plain", _encode_array(np.asarray(values))]
    if isinstance(dtype, pd.StringDtype):
        return ["string", [None if missing else text for text, missing in zip(values, pd.isna(values), strict=True)],
                dtype.storage, dtype.na_value is pd.NA]  # fmt: skip
    if dtype.kind == "O" and isinstance(dtype, np.dtype):
        return ["object", _encode_objects(values, name)]
    if isinstance(dtype, pd.DatetimeTZDtype):
        return ["moments", _encode_array(np.asarray(values.tz_convert("UTC").tz_localize(None))), str(dtype.tz)]
    if isinstance(dtype, pd.CategoricalDtype):
        categories = _encode_column(dtype.categories.array, name)
        return ["categories", _encode_array(values.codes), categories, bool(dtype.ordered)]
    if dtype.name.startswith(NULLABLE):
        missing = np.asarray(pd.isna(values))
        return [
            "nullable",
            dtype.name,
            _encode_array(values.to_numpy(dtype.numpy_dtype, na_value=0)),
            _encode_array(missing),
        ]
    raise NotDurableError(f"its column {name!r} is of {dtype}, which cannot be stored")


def _encode_objects(values: Any, name: Any) -> list[Any]:
    found: list[Any] = []
    for item in values:
        if item is not None and type(item) is not str and item == item:
            raise NotDurableError(
                f"its column {name!r} holds objects of {type(item).__name__}; columns of objects may hold text only"
            )
        found.append(item if item is None or type(item) is str else float("nan"))
    return found


def _decode_column(content: Any) -> Any:
    import numpy as np
    import pandas as pd

    kind, *rest = content
    if kind == "plain":
        return _decode_array(rest[0])
    if kind == "string":
        texts, storage, uses_na = rest
        return pd.array(texts, dtype=pd.StringDtype(storage, na_value=pd.NA if uses_na else np.nan))
    if kind == "object":
        made = np.empty(len(rest[0]), dtype=object)
        made[:] = rest[0]
        return made
    if kind == "moments":
        return pd.DatetimeIndex(_decode_array(rest[0])).tz_localize("UTC").tz_convert(rest[1]).array
    if kind == "categories":
        codes, categories, ordered = rest
        return pd.Categorical.from_codes(_decode_array(codes), categories=_decode_column(categories), ordered=ordered)
    if kind == "nullable":
        made = pd.array(_decode_array(rest[1]), dtype=rest[0])
        made[_decode_array(rest[2])] = pd.NA
        return made
    raise NotDurableError(f"its column of kind {kind!r} is not known here")


# -- pandas: tables ----------------------------------------------------------------------------------------------------


def _encode_index(index: Any) -> Any:
    import pandas as pd

    if isinstance(index, pd.MultiIndex):
        levels = [_encode_column(index.get_level_values(level).array, level) for level in range(index.nlevels)]
        return ["levels", levels, list(index.names)]
    if isinstance(index, pd.RangeIndex):
        return ["range", index.start, index.stop, index.step, index.name]
    if not isinstance(index.dtype, pd.IntervalDtype | pd.PeriodDtype):
        return ["column", _encode_column(index.array, "index"), index.name, getattr(index, "freqstr", None)]
    raise NotDurableError(f"its index is of {index.dtype}, which cannot be stored")


def _decode_index(content: Any) -> Any:
    import pandas as pd

    kind, *rest = content
    if kind == "levels":
        return pd.MultiIndex.from_arrays([_decode_column(level) for level in rest[0]], names=rest[1])
    if kind == "range":
        return pd.RangeIndex(rest[0], rest[1], rest[2], name=rest[3])
    values = _decode_column(rest[0])
    index = pd.Index(values, name=rest[1], dtype=values.dtype)
    if rest[2]:
        index.freq = rest[2]
    return index


def _encode_frame(frame: Any) -> Any:
    columns = [_encode_column(frame.iloc[:, place].array, name) for place, name in enumerate(frame.columns)]
    return [_encode_index(frame.columns), _encode_index(frame.index), columns]


def _decode_frame(content: Any) -> Any:
    import pandas as pd

    index = _decode_index(content[1])
    decoded = [_decode_column(column) for column in content[2]]
    series = {place: pd.Series(values, index=index, dtype=values.dtype) for place, values in enumerate(decoded)}
    frame = pd.DataFrame(series, index=index)
    frame.columns = _decode_index(content[0])
    return frame


def _encode_series(series: Any) -> Any:
    return [_encode_index(series.index), _encode_column(series.array, series.name), series.name]


def _decode_series(content: Any) -> Any:
    import pandas as pd

    values = _decode_column(content[1])
    return pd.Series(values, index=_decode_index(content[0]), name=content[2], dtype=values.dtype)


# -- pandas: single values ---------------------------------------------------------------------------------------------


def _encode_timestamp(value: Any) -> Any:
    return [value.unit, int(value.asm8.astype("i8")), None if value.tz is None else str(value.tz)]


def _decode_timestamp(content: Any) -> Any:
    import numpy as np
    import pandas as pd

    unit, ticks, zone = content
    value = pd.Timestamp(np.datetime64(ticks, unit))
    return value if zone is None else value.tz_localize("UTC").tz_convert(zone)


def _encode_delta(value: Any) -> Any:
    return [value.unit, int(value.asm8.astype("i8"))]


def _decode_delta(content: Any) -> Any:
    import numpy as np
    import pandas as pd

    return pd.Timedelta(np.timedelta64(content[1], content[0]))


def _is_missing(value: Any) -> bool:
    return _is(value, "pandas", "NaTType") or _is(value, "pandas", "NAType")


def _decode_missing(name: str) -> Any:
    import pandas as pd

    return pd.NaT if name == "NaTType" else pd.NA
