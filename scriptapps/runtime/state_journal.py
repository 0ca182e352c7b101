"""What a run changed in the durable part of a session: values to write, keys to remove, and what cannot be stored.

Runs on: the script thread, at the end of a run. Invariant: a value whose bytes are as stored is not written again; one
value that cannot be stored costs only that value.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from scriptapps.errors import NotDurableError
from scriptapps.protocol.values import Wire
from scriptapps.runtime.state_codec import encode_value

if TYPE_CHECKING:
    from scriptapps.runtime.outside import RequestAnswer

STATE, WIDGET = "s", "w"
"""The two spaces of stored names: keys of ``st.session_state``, and widget ids."""

Name = tuple[str, str]
IMMUTABLE = (type(None), bool, int, float, str, bytes)
MUTABLE: Any = object()
"""Stands for a value that may have changed although it is the same object."""
MAX_NAME = 255
LARGE_BYTES = 64 * 1024
PUT_OFF_SECONDS = 2.0
"""Changes wait at most about this long for a later run that stores them too."""


class Stored:
    """A value of ``st.session_state`` as it came from the store, not decoded before somebody reads it."""

    __slots__ = ("data",)

    def __init__(self, data: bytes) -> None:
        self.data = data


@dataclass
class StateChange:
    """The difference between what is stored and what is now. ``not_durable`` names every such key with the reason."""

    changed: dict[Name, bytes] = field(default_factory=dict)
    removed: set[Name] = field(default_factory=set)
    not_durable: dict[str, str] = field(default_factory=dict)
    seqs: dict[str, int] = field(default_factory=dict)
    objects: dict[Name, Any] = field(default_factory=dict)
    # Answers to recorded requests, stored in one transaction with the rest.
    requests: list[RequestAnswer] = field(default_factory=list)
    size: int = 0
    keys: int = 0
    is_new: bool = False
    # ``changed`` is all there is, not a difference: nothing is stored yet.
    is_whole: bool = False

    def __bool__(self) -> bool:
        return self.is_new


@dataclass
class StateLimits:
    """Bytes of one value and of all values of a session, and the number of its keys."""

    value_bytes: int = 1_000_000
    session_bytes: int = 16_000_000
    keys: int = 10_000


class StateJournal:
    """Remembers what is stored of one session.

    ``waits_since``: when (``time.monotonic()``) the first run began whose changes are left to a later one.
    """

    def __init__(self, limits: StateLimits | None = None) -> None:
        self.limits = limits or StateLimits()
        self._digests: dict[Name, tuple[bytes, int]] = {}
        self._objects: dict[Name, Any] = {}
        self._not_durable: dict[str, str] = {}
        self._seqs: dict[str, int] = {}
        self._large: set[Name] = set()
        self.waits_since: float | None = None

    def restored(self, values: Mapping[Name, bytes], seqs: Mapping[str, int]) -> None:
        """This is what the store holds."""
        self._digests = {name: (_digest(data), len(data)) for name, data in values.items()}
        self._objects.clear()
        self._large = {name for name, data in values.items() if _is_large(name, data)}
        self._seqs = dict(seqs)

    def puts_off(self, state: Mapping[str, Any], seconds: float) -> bool:
        """Whether the run that waits already is to store what this one changed, so that many quick runs write a large
        value once.

        So it is when a value that was large may have changed, and another run as long as this one (``seconds``) is
        over before changes have waited for too long.
        """
        if not any(self._may_have_changed(name, state.get(name[1])) for name in self._large):
            return False
        now = time.monotonic()
        since = now - seconds if self.waits_since is None else self.waits_since
        if now + seconds - since > PUT_OFF_SECONDS:
            return False
        self.waits_since = since
        return True

    def _may_have_changed(self, name: Name, value: Any) -> bool:
        is_the_same = type(value) in IMMUTABLE and self._objects.get(name, MUTABLE) is value
        return not is_the_same and type(value) is not Stored

    @property
    def is_overdue(self) -> bool:
        """Whether changes have waited too long: the next run has to reach its end."""
        return self.waits_since is not None and time.monotonic() - self.waits_since > PUT_OFF_SECONDS

    def collect(self, state: Mapping[str, Any], widgets: Mapping[str, Wire], seqs: Mapping[str, int]) -> StateChange:
        """What has to be written so that the store holds these values and event numbers."""
        self.waits_since = None
        change = StateChange(seqs=dict(seqs), is_whole=not self._digests)
        kept: set[Name] = set()
        for key, value in state.items():
            self._look((STATE, key), value, kept, change)
        for widget_id, wire in widgets.items():
            self._look((WIDGET, widget_id), wire, kept, change)
        change.removed = set(self._digests) - kept
        change.keys = len(kept)
        change.is_new = bool(
            change.changed
            or change.removed
            or change.not_durable != self._not_durable
            or any(self._seqs.get(client) != seq for client, seq in seqs.items())
        )
        return change

    def _look(self, name: Name, value: Any, kept: set[Name], change: StateChange) -> None:
        stored = self._digests.get(name)
        if stored is not None and type(value) in IMMUTABLE and self._objects.get(name, MUTABLE) is value:
            kept.add(name)
            change.size += stored[1]
            return
        try:
            data = self._encode(name, value)
            self._allow(data, len(kept), change)
        except NotDurableError as reason:
            change.not_durable[_printable(name[1])] = str(reason)
            return
        kept.add(name)
        change.size += len(data)
        change.objects[name] = value if type(value) in IMMUTABLE else MUTABLE
        if stored is None or stored[0] != _digest(data):
            change.changed[name] = data

    @staticmethod
    def _encode(name: Name, value: Any) -> bytes:
        if len(name[1]) > MAX_NAME:
            raise NotDurableError(f"its key is longer than {MAX_NAME} characters")
        if _printable(name[1]) != name[1]:
            raise NotDurableError("its key holds characters that no database takes")
        if name[0] == WIDGET:
            return json.dumps(value).encode()
        return value.data if type(value) is Stored else encode_value(value)

    def _allow(self, data: bytes, keys: int, change: StateChange) -> None:
        limits = self.limits
        if len(data) > limits.value_bytes:
            raise NotDurableError(f"it takes {len(data):,} bytes, more than STATE_VALUE_BYTES ({limits.value_bytes:,})")
        if change.size + len(data) > limits.session_bytes:
            raise NotDurableError(f"the session's state is larger than STATE_SESSION_BYTES ({limits.session_bytes:,})")
        if keys >= limits.keys:
            raise NotDurableError(f"the session has more than STATE_KEYS ({limits.keys:,}) keys")

    def committed(self, change: StateChange) -> None:
        """The change is stored."""
        for name in change.removed:
            self._digests.pop(name, None)
            self._objects.pop(name, None)
            self._large.discard(name)
        for name, data in change.changed.items():
            self._digests[name] = (_digest(data), len(data))
            (self._large.add if _is_large(name, data) else self._large.discard)(name)
        self._objects.update(change.objects)
        self._not_durable = change.not_durable
        self._seqs = dict(change.seqs)

    def newly_not_durable(self, change: StateChange) -> dict[str, str]:
        """What became not durable with this change: to be told once."""
        return {key: reason for key, reason in change.not_durable.items() if self._not_durable.get(key) != reason}


def _is_large(name: Name, data: bytes) -> bool:
    return name[0] == STATE and len(data) > LARGE_BYTES


def _printable(text: str) -> str:
    """The text without what PostgreSQL refuses in a string: NUL, and half a surrogate pair."""
    return text.replace("\0", "?").encode("utf-8", "replace").decode()


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=16).digest()
