"""``st.write``: shows anything in the way that suits it."""

from __future__ import annotations

import io
import re
import types
from collections import ChainMap, UserDict, UserList
from collections.abc import ItemsView, KeysView, Mapping, ValuesView
from typing import Any

from scriptapps.deltas.container import Container, Placed
from scriptapps.deltas.library import element
from scriptapps.elements.json_text import fields_of
from scriptapps.elements.object_help import object_help
from scriptapps.elements.tabular import is_tabular
from scriptapps.errors import ScriptApiError

JSON_TYPES = (
    Mapping, list, map, enumerate, types.MappingProxyType, UserDict, ChainMap, UserList, KeysView, ValuesView, ItemsView
)  # fmt: skip
HELP_TYPES = (Container, type, types.FunctionType, types.BuiltinFunctionType, types.MethodType, types.ModuleType)
ADDRESS = re.compile(r"<.* at 0x[0-9a-fA-F]+>\Z", re.DOTALL)


@element()
def write(container: Container, *args: Any, unsafe_allow_html: bool = False) -> None:
    """Show each argument in the way that suits it: text as Markdown, tables as dataframes, dicts and lists as JSON.

    Exceptions come with their frames, functions and classes with their documentation, everything else as its text.
    Neighbouring texts become one. ``unsafe_allow_html`` as for ``markdown``.
    """
    if len(args) > 1 and isinstance(container, Placed):
        raise ScriptApiError("An element can be replaced by one thing only; use st.container() for several.")
    texts: list[str] = []
    for argument in args:
        text = _as_markdown(argument, unsafe_allow_html)
        if text is not None:
            texts.append(text)
            continue
        _flush(container, texts, unsafe_allow_html)
        _show(container, argument)
    _flush(container, texts, unsafe_allow_html)


def _flush(container: Container, texts: list[str], unsafe_allow_html: bool) -> None:
    if texts:
        container.markdown(" ".join(texts), unsafe_allow_html=unsafe_allow_html)
        texts.clear()


def _as_markdown(value: Any, unsafe_allow_html: bool) -> str | None:
    """The text of what is shown in the line with other texts, None for what is an element of its own."""
    if isinstance(value, str):
        return value
    if hasattr(type(value), "casefold"):
        # Acts like a text: a translation that is looked up late, a UserString.
        return str(value)
    if isinstance(value, io.StringIO):
        return value.getvalue()
    if _is_element_of_its_own(value):
        return None
    html = getattr(value, "_repr_html_", None) if unsafe_allow_html else None
    if callable(html):
        return str(html())
    text = str(value)
    return None if "\n" in text or ADDRESS.match(text) else _inline_code(text)


def _is_element_of_its_own(value: Any) -> bool:
    return (
        isinstance(value, (BaseException, *HELP_TYPES))
        or is_tabular(value)
        or isinstance(value, JSON_TYPES)
        or fields_of(value) is not None
    )


def _show(container: Container, value: Any) -> None:
    if isinstance(value, BaseException):
        container.exception(value)
    elif is_tabular(value):
        container.dataframe(value)
    elif isinstance(value, HELP_TYPES):
        container.code(object_help(value), language="python")
    elif isinstance(value, JSON_TYPES) or fields_of(value) is not None:
        container.json(value)
    elif ADDRESS.match(text := str(value)):
        container.code(object_help(value), language="python")
    else:
        container.code(text, language=None)


def _inline_code(text: str) -> str:
    """Text between backticks, more of them than it contains in a row."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * (longest + 1)
    space = " " if text.startswith("`") or text.endswith("`") or not text.strip() else ""
    return f"{fence}{space}{text}{space}{fence}"
