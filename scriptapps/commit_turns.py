"""Commits take turns: on a database with one writer at a time, whoever comes first writes for all who wait.

Runs on: script threads, and the thread that writes rows. Invariant: a thread returns when its own commit is durable, or
raises its own error; what goes wrong with one commit changes nothing for the others of its turn.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import lru_cache

from django.db import connections, transaction

from scriptapps.errors import LeaseLostError

ONE_WRITER = ("sqlite",)
"""Databases whose writers exclude each other; the others are better at bringing commits together themselves."""


@dataclass(eq=False, slots=True)
class _Commit:
    write: Callable[[], None]
    is_one_statement: bool
    is_over: bool = False
    error: BaseException | None = None


class CommitTurns:
    """SQLite makes those who wait for its lock sleep, for up to 0.1 s; here they wait for each other instead.

    ``transaction`` opens one on the calling thread's own connection.
    """

    def __init__(self, transaction: Callable[[], AbstractContextManager[object]]) -> None:
        self._transaction = transaction
        # Guards the list.
        self._lock = threading.Lock()
        self._waiting: list[_Commit] = []
        # Held by the thread that writes; taken before ``_lock``.
        self._turn = threading.Lock()

    def commit(self, write: Callable[[], None], *, is_one_statement: bool = False) -> None:
        """Call ``write`` in a transaction, perhaps on another thread and with others'. Raises what it raises.

        ``is_one_statement``: alone, it is a transaction by itself.
        """
        mine = _Commit(write, is_one_statement)
        with self._lock:
            self._waiting.append(mine)
        with self._turn:
            if not mine.is_over:
                with self._lock:
                    batch, self._waiting = self._waiting, []
                self._write_together(batch)
        if mine.error is not None:
            raise mine.error

    def _write_together(self, batch: Sequence[_Commit]) -> None:
        has_begun = False
        try:
            with nullcontext() if len(batch) == 1 and batch[0].is_one_statement else self._transaction():
                has_begun = True
                for each in batch:
                    self._write(each)
        except BaseException as error:
            if has_begun and len(batch) > 1:
                # Nothing of it was kept: each gets a transaction and an error of its own.
                for each in batch:
                    each.error = None
                    self._write_together([each])
            else:
                for each in batch:
                    each.error = error
        for each in batch:
            each.is_over = True

    @staticmethod
    def _write(each: _Commit) -> None:
        try:
            each.write()
        except LeaseLostError as lost:
            # The fence is asked before anything is written.
            each.error = lost


@lru_cache(maxsize=16)
def turns_of(alias: str) -> CommitTurns:
    """The one line of this process for a database."""
    return CommitTurns(lambda: transaction.atomic(using=alias))


def write_in_turn(alias: str, write: Callable[[], None], *, is_one_statement: bool = False) -> None:
    """Call ``write`` in a transaction on this database, in turn where only one can write. Raises what it raises."""
    connection = connections[alias]
    if connection.vendor in ONE_WRITER and not connection.in_atomic_block:
        turns_of(alias).commit(write, is_one_statement=is_one_statement)
    elif is_one_statement:
        write()
    else:
        with transaction.atomic(using=alias):
            write()
