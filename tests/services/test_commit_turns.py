"""Commits that take turns: each is made once, each thread gets its own error, and those who wait share a transaction.

Runs on: pytest, no database; the "database" is a list behind transactions that can be rolled back.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from scriptapps.commit_turns import CommitTurns
from scriptapps.errors import LeaseLostError

PATIENCE = 10.0


class Ledger:
    """What was committed, transaction by transaction."""

    def __init__(self) -> None:
        self.kept: list[list[str]] = []
        self.open: list[str] = []
        self.refuses_to_begin = False

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Keeps what was written if nothing was raised."""
        if self.refuses_to_begin:
            raise OSError("locked")
        self.open = []
        yield
        self.kept.append(self.open)


class Crowd:
    """Threads that commit while the first of them is held inside its transaction."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.turns = CommitTurns(ledger.transaction)
        self.go_on = threading.Event()
        self.errors: dict[str, BaseException] = {}
        self.threads: list[threading.Thread] = []

    def hold(self) -> None:
        """A first commit, which stays in its transaction until ``finish``."""
        inside = threading.Event()

        def write() -> None:
            inside.set()
            assert self.go_on.wait(PATIENCE)
            self.ledger.open.append("first")

        self.start("first", write)
        assert inside.wait(PATIENCE)

    def start(self, name: str, write: Callable[[], None] | None = None) -> None:
        """Commit on a thread of its own."""

        def work() -> None:
            try:
                self.turns.commit(write or (lambda: self.ledger.open.append(name)))
            except BaseException as error:
                self.errors[name] = error

        self.threads.append(threading.Thread(target=work, daemon=True))
        self.threads[-1].start()

    def finish(self) -> None:
        """Let the first one go, and wait for all."""
        self.go_on.set()
        for thread in self.threads:
            thread.join(PATIENCE)
            assert not thread.is_alive()


@pytest.fixture
def ledger() -> Ledger:
    """An empty one."""
    return Ledger()


@pytest.fixture
def crowd(ledger: Ledger) -> Crowd:
    """Nobody yet."""
    return Crowd(ledger)


def wait_for_all(crowd: Crowd, count: int) -> None:
    """Until so many commits wait for the held one."""
    while len(crowd.turns._waiting) < count:
        assert all(thread.is_alive() for thread in crowd.threads)


def raising(error: BaseException) -> Callable[[], None]:
    """A write that fails."""

    def write() -> None:
        raise error

    return write


def test_a_commit_alone_is_a_transaction_of_its_own(ledger: Ledger) -> None:
    turns = CommitTurns(ledger.transaction)
    turns.commit(lambda: ledger.open.append("a"))
    turns.commit(lambda: ledger.open.append("b"))
    assert ledger.kept == [["a"], ["b"]]


def test_one_statement_alone_needs_no_transaction(ledger: Ledger) -> None:
    written: list[str] = []
    CommitTurns(ledger.transaction).commit(lambda: written.append("a"), is_one_statement=True)
    assert written == ["a"]
    assert not ledger.kept


def test_those_who_wait_share_one_transaction(ledger: Ledger, crowd: Crowd) -> None:
    crowd.hold()
    for name in "abcd":
        crowd.start(name)
    wait_for_all(crowd, 4)
    crowd.finish()
    assert ledger.kept[0] == ["first"]
    assert [sorted(batch) for batch in ledger.kept[1:]] == [["a", "b", "c", "d"]]
    assert not crowd.errors


def test_a_lost_lease_is_told_to_its_owner_only(ledger: Ledger, crowd: Crowd) -> None:
    crowd.hold()
    crowd.start("a")
    crowd.start("lost", raising(LeaseLostError("gone")))
    crowd.start("b")
    wait_for_all(crowd, 3)
    crowd.finish()
    assert [sorted(batch) for batch in ledger.kept[1:]] == [["a", "b"]]
    assert crowd.errors.keys() == {"lost"}


def test_a_broken_commit_takes_no_other_down(ledger: Ledger, crowd: Crowd) -> None:
    crowd.hold()
    crowd.start("a")
    crowd.start("broken", raising(ValueError("too long")))
    crowd.start("b")
    wait_for_all(crowd, 3)
    crowd.finish()
    assert sorted(name for batch in ledger.kept[1:] for name in batch) == ["a", "b"]
    assert {name: str(error) for name, error in crowd.errors.items()} == {"broken": "too long"}


def test_a_database_that_does_not_begin_is_asked_once_for_all(ledger: Ledger, crowd: Crowd) -> None:
    crowd.hold()
    for name in "abc":
        crowd.start(name)
    wait_for_all(crowd, 3)
    ledger.refuses_to_begin = True
    crowd.finish()
    assert crowd.errors.keys() == {"a", "b", "c"}
    assert ledger.kept == [["first"]]
