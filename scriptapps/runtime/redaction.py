"""What of a page's values may leave its process for people other than its own.

Runs on: any thread. Invariant: what is hidden is hidden here, before anything is stored or sent; sizes are bounded.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from scriptapps.errors import NotDurableError
from scriptapps.runtime.run_context import current_run
from scriptapps.runtime.state_codec import TAG, ValueType, encode_value, register_value_type
from scriptapps.runtime.state_journal import Stored

if TYPE_CHECKING:
    from scriptapps.runtime.live_session import LiveSession
    from scriptapps.runtime.widgets import WidgetSpec, WidgetStore

HIDDEN = "(hidden)"
MARKED = "•••"
"""Stands for what a script marked with ``st.secret``."""
SECRET_TYPE = "secret text"
LARGEST_SHOWN = 20_000
"""Bytes of a value of session state; of a larger one only the size is shown."""
VALUE_CHARS = 1_000
VALUES_SHOWN = 200
SHORTEST_MASKED = 4
"""A hidden text that is shorter is not looked for in other texts: it would be found in every second word."""


class SecretText(str):
    """A text that staff never see. What is made from it is a plain text, and masked where the whole of it stands."""

    __slots__ = ()


def mark(text: str) -> SecretText:
    """Mark a text, and remember for this session what to look for in other texts."""
    run = current_run.get(None)
    if run is not None and len(text) >= SHORTEST_MASKED:
        run.session.history.note_secret(str(text))
    return SecretText(text)


register_value_type(ValueType(SECRET_TYPE, lambda value: type(value) is SecretText, str, mark))


def is_hidden(names: Iterable[str], pattern: re.Pattern[str]) -> bool:
    """Whether a value with one of these names (a key, a label) is hidden."""
    return any(pattern.search(name) for name in names)


def widget_values(
    widgets: WidgetStore, pattern: re.Pattern[str], secrets: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """The values of the page's widgets by key, or label, fit for JSON; what is hidden is replaced, and ``secrets``."""
    found: dict[str, Any] = {}
    for spec in list(widgets.specs.values())[:VALUES_SHOWN]:
        if spec.trigger:
            continue
        name = spec.key or spec.label or spec.kind
        name = name if name not in found else f"{name} ({spec.widget_id})"
        value = widgets.current.get(spec.widget_id, spec.default)
        found[name] = HIDDEN if _is_secret(spec, pattern) else shortened(masked_within(value, secrets or {}))
    return found


def secrets_of(widgets: WidgetStore, pattern: re.Pattern[str]) -> list[str]:
    """The texts that hidden widgets hold."""
    specs = [spec for spec in list(widgets.specs.values()) if _is_secret(spec, pattern)]
    values = [widgets.current.get(spec.widget_id, spec.default) for spec in specs]
    return [value for value in values if isinstance(value, str) and len(value) >= SHORTEST_MASKED]


def session_secrets(session: LiveSession, pattern: re.Pattern[str]) -> dict[str, str]:
    """What to look for in texts of this session, with what to put there instead."""
    return dict.fromkeys(secrets_of(session.widgets, pattern), HIDDEN) | dict.fromkeys(session.history.secrets, MARKED)


def masked(text: str, secrets: Mapping[str, str]) -> str:
    """The text with these replaced."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, secrets[secret])
    return text


def masked_within(value: Any, secrets: Mapping[str, str]) -> Any:
    """The same for all texts of a JSON value."""
    if isinstance(value, str):
        return masked(value, secrets)
    if isinstance(value, list):
        return [masked_within(item, secrets) for item in value]
    if isinstance(value, dict):
        return {masked(key, secrets): masked_within(item, secrets) for key, item in value.items()}
    return value


def without_hidden(value: Any, pattern: re.Pattern[str], secrets: dict[str, str]) -> Any:
    """An encoded value without what stands under hidden names and what is marked; their texts are put to ``secrets``.

    Mappings whose keys are not all texts, and some others, are encoded as pairs: those count too.
    """
    if isinstance(value, list):
        if len(value) == 2 and isinstance(value[0], str) and pattern.search(value[0]):
            _collect(value[1], HIDDEN, secrets)
            return [value[0], HIDDEN]
        return [without_hidden(item, pattern, secrets) for item in value]
    if not isinstance(value, dict):
        return value
    if value.get(TAG) == SECRET_TYPE:
        _collect(value.get("v"), MARKED, secrets)
        return MARKED
    shown = {}
    for key, item in value.items():
        if pattern.search(key):
            _collect(item, HIDDEN, secrets)
        shown[key] = HIDDEN if pattern.search(key) else without_hidden(item, pattern, secrets)
    return shown


def _collect(value: Any, shown: str, secrets: dict[str, str]) -> None:
    if isinstance(value, str) and len(value) >= SHORTEST_MASKED:
        secrets.setdefault(value, shown)
    for item in value if isinstance(value, list) else value.values() if isinstance(value, dict) else ():
        _collect(item, shown, secrets)


def state_values(state: Mapping[str, Any], pattern: re.Pattern[str], secrets: dict[str, str]) -> dict[str, str]:
    """Session state as text by key; what is hidden is replaced, also where it stands in other values.

    Values may be ``Stored``. Texts that are hidden here are put to ``secrets``, for other texts of the session.
    """
    encoded = {key: _encoded(value) for key, value in list(state.items())[:VALUES_SHOWN]}
    clear = without_hidden(encoded, pattern, secrets)
    return {
        masked(key, secrets): HIDDEN
        if value == HIDDEN
        else shortened(json.dumps(masked_within(value, secrets), ensure_ascii=False))
        for key, value in clear.items()
    }


def _encoded(value: Any) -> Any:
    try:
        data = value.data if type(value) is Stored else encode_value(value)
    except NotDurableError as reason:
        return {"cannot be shown": str(reason)}
    if len(data) > LARGEST_SHOWN:
        return {"too large to be shown": f"{len(data):,} bytes"}
    return json.loads(data.decode("utf-8", "surrogatepass"), parse_constant=str)


def shortened(value: Any) -> Any:
    """The value, or the beginning of it as text."""
    if value is None or isinstance(value, bool | int | float):
        return value
    text = value if isinstance(value, str) else repr(value)
    if len(text) > VALUE_CHARS:
        return f"{text[:VALUE_CHARS]}… ({len(text)} characters)"
    return value if isinstance(value, str | list) else text


def _is_secret(spec: WidgetSpec, pattern: re.Pattern[str]) -> bool:
    return spec.secret or is_hidden((spec.key or "", spec.label), pattern)
