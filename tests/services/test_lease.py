"""The lease: one owner at a time, by the database's clock.

Runs on: pytest, threads with connections of their own. Invariant: no test waits for time to pass; leases are aged by
writing to the row with the database's clock.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections
from django.db.models.functions import Now

from scriptapps import lease
from scriptapps.errors import LeaseLostError
from scriptapps.models import ScriptApp, ScriptSession

pytestmark = pytest.mark.django_db(transaction=True)

A, B = "host-a:1:1", "host-b:1:1"
ROUNDS = 50


@pytest.fixture
def new_session() -> Callable[..., str]:
    """`new_session(node="", ...)` is the id of a row."""
    app, _ = ScriptApp.objects.get_or_create(slug="leased")

    def make(**fields: Any) -> str:
        return str(ScriptSession.objects.create(pk=uuid.uuid4(), script_app=app, binding="b", **fields).pk)

    return make


@pytest.fixture
def session_id(new_session: Callable[..., str]) -> str:
    return new_session()


def row(session_id: str) -> ScriptSession:
    return ScriptSession.objects.get(pk=session_id)


def age(session_id: str, seconds: float) -> None:
    """The lease runs out ``seconds`` from now, by the database's clock."""
    ScriptSession.objects.filter(pk=session_id).update(lease_expires=Now() + timedelta(seconds=seconds))


def seconds_left(session_id: str) -> float:
    found = ScriptSession.objects.filter(pk=session_id).values_list("lease_expires", Now()).get()
    return (found[0] - found[1]).total_seconds()


def test_what_nobody_owns_is_taken_with_a_new_epoch(session_id: str) -> None:
    assert lease.acquire(session_id, A) == 1
    assert row(session_id).node == A
    assert lease.owns(session_id, A, 1)
    assert 25 < seconds_left(session_id) <= 31


def test_what_somebody_owns_is_asked_for_once(session_id: str) -> None:
    lease.acquire(session_id, A)
    for _ in range(3):
        assert lease.acquire(session_id, B) is None
    assert row(session_id).node == A
    assert row(session_id).release_wanted == 1
    assert lease.release(session_id, A, 1)
    assert lease.acquire(session_id, B) == 2
    assert row(session_id).release_wanted == 0
    assert not lease.owns(session_id, A, 1)


def test_the_owner_itself_may_take_it_again(session_id: str) -> None:
    assert lease.acquire(session_id, A) == 1
    assert lease.acquire(session_id, A) == 2
    assert not lease.owns(session_id, A, 1)


def test_an_expired_lease_is_free_and_one_that_is_not_is_not(session_id: str) -> None:
    lease.acquire(session_id, A)
    age(session_id, 5)
    assert lease.acquire(session_id, B) is None
    age(session_id, -0.01)
    assert lease.acquire(session_id, B) == 2


def test_the_clock_of_the_process_does_not_matter(session_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    lease.acquire(session_id, A)
    monkeypatch.setattr("time.time", lambda: 4_000_000_000.0)
    assert lease.acquire(session_id, B) is None


def test_closed_and_missing_sessions_are_not_to_be_had(new_session: Callable[..., str]) -> None:
    closed = new_session(state=ScriptSession.State.CLOSED)
    assert lease.acquire(closed, A) is None
    assert lease.acquire(str(uuid.uuid4()), A) is None
    assert row(closed).release_wanted == 0


# -- a process that has ended ------------------------------------------------------------------------------------------


@pytest.fixture
def ended() -> str:
    """The node name of a process of this host that was killed."""
    command = [sys.executable, "-c", "import sys; sys.stdout.write('up'); sys.stdout.flush(); sys.stdin.read()"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdin is not None
    process.stdout.read(2)
    host = lease.node_name().split(":")[0]
    name = f"{host}:{process.pid}:{lease._started(process.pid)}"
    assert not lease.is_dead(name)
    process.kill()
    process.wait()
    process.stdin.close()
    process.stdout.close()
    return name


def test_the_lease_of_a_dead_process_of_this_host_is_free_at_once(session_id: str, ended: str) -> None:
    lease.acquire(session_id, ended)
    assert seconds_left(session_id) > 20
    assert lease.acquire(session_id, A) == 2


def test_who_is_dead(ended: str) -> None:
    host, pid, started = lease.node_name().split(":")
    assert not lease.is_dead(lease.node_name())
    assert lease.is_dead(ended)
    # Another process has got the number since.
    assert lease.is_dead(f"{host}:{pid}:{int(started) - 1}")
    # Nothing is known about other hosts, nor about names that are not ours.
    assert not lease.is_dead(f"elsewhere:{pid}:1")
    assert not lease.is_dead("")
    assert not lease.is_dead(f"{host}:x:1")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes that have ended and are not waited for: POSIX only")
def test_a_process_that_nobody_has_waited_for_is_dead(ended: str) -> None:
    process = subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE)
    started = lease._started(process.pid)
    assert process.stdout is not None
    process.stdout.read()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert lease.is_dead(f"{lease.node_name().split(':')[0]}:{process.pid}:{started}")
    process.wait()
    process.stdout.close()


# -- renewing and giving up --------------------------------------------------------------------------------------------


def test_renewing_keeps_what_is_ours_and_tells_what_is_not(new_session: Callable[..., str]) -> None:
    ours, lost, orphan = new_session(), new_session(), new_session()
    for key in (ours, lost, orphan):
        lease.acquire(key, A)
        age(key, 1)
    age(lost, -1)
    lease.acquire(lost, B)
    age(lost, 3)
    assert lease.renew(A, [ours, lost]) == {ours}
    assert seconds_left(ours) > 20
    assert seconds_left(lost) < 4
    # A row that names the node, but that the node knows nothing of, runs out.
    assert seconds_left(orphan) < 2


def test_renewing_many_and_none(new_session: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "CHUNK", 3)
    keys = [new_session(node=A) for _ in range(7)]
    assert lease.renew(A, keys) == set(keys)
    assert lease.renew(A, []) == set()


def test_a_lease_that_ran_out_and_was_not_taken_is_renewed(session_id: str) -> None:
    lease.acquire(session_id, A)
    age(session_id, -10)
    assert lease.renew(A, [session_id]) == {session_id}
    assert lease.acquire(session_id, B) is None


def test_only_the_owner_of_this_epoch_gives_up(session_id: str) -> None:
    lease.acquire(session_id, A)
    lease.acquire(session_id, A)
    assert not lease.release(session_id, A, 1)
    assert not lease.release(session_id, B, 2)
    assert row(session_id).node == A
    assert lease.release(session_id, A, 2)
    assert not lease.release(session_id, A, 2)


def test_a_node_that_ends_gives_up_everything_but_what_still_runs(new_session: Callable[..., str]) -> None:
    idle, running, other, closed = (new_session(node=node) for node in (A, A, B, A))
    ScriptSession.objects.filter(pk=closed).update(state=ScriptSession.State.CLOSED)
    lease.release_all(A, but=[running])
    assert [row(key).node for key in (idle, running, other, closed)] == ["", A, B, A]
    lease.release_all(A)
    assert row(running).node == ""


# -- the fence ---------------------------------------------------------------------------------------------------------


def test_writes_of_a_former_owner_change_no_row(session_id: str) -> None:
    lease.acquire(session_id, A)
    age(session_id, -1)
    lease.acquire(session_id, B)
    lease.fence(session_id, B, 2, last_error="theirs")
    for node, epoch in ((A, 1), (A, 2), (B, 1)):
        with pytest.raises(LeaseLostError):
            lease.fence(session_id, node, epoch, last_error="history")
    assert row(session_id).last_error == "theirs"


def test_an_expired_lease_that_nobody_took_still_holds(session_id: str) -> None:
    lease.acquire(session_id, A)
    age(session_id, -60)
    lease.fence(session_id, A, 1, last_error="late, but alone")


# -- races -------------------------------------------------------------------------------------------------------------


def at_once(*functions: Callable[[], Any]) -> list[Any]:
    """Call the functions in threads that begin together; returns their results in order."""
    together = threading.Barrier(len(functions))
    results: list[Any] = [None] * len(functions)

    def work(index: int, function: Callable[[], Any]) -> None:
        try:
            together.wait()
            results[index] = function()
        except Exception as error:
            results[index] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work, args=item) for item in enumerate(functions)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


@pytest.mark.parametrize("before", ["free", "expired", "dead"])
def test_of_two_that_want_it_at_once_exactly_one_wins(new_session: Callable[..., str], before: str, ended: str) -> None:
    for _ in range(ROUNDS):
        session_id = new_session()
        if before != "free":
            lease.acquire(session_id, ended if before == "dead" else "host-c:1:1")
            age(session_id, 30 if before == "dead" else -1)
        results = at_once(lambda key=session_id: lease.acquire(key, A), lambda key=session_id: lease.acquire(key, B))  # type: ignore[misc]
        winner = A if results[0] is not None else B
        assert [result for result in results if result is not None] == [1 if before == "free" else 2], results
        assert row(session_id).node == winner


def test_a_commit_and_a_take_over_at_once_leave_one_owner_and_no_mixture(new_session: Callable[..., str]) -> None:
    for _ in range(ROUNDS):
        session_id = new_session()
        lease.acquire(session_id, A)
        age(session_id, -1)
        written, epoch = at_once(
            lambda key=session_id: lease.fence(key, A, 1, last_error="written by the first"),  # type: ignore[misc]
            lambda key=session_id: lease.acquire(key, B),  # type: ignore[misc]
        )
        assert epoch == 2
        # Whoever came first, the next owner reads what really holds.
        assert (row(session_id).last_error == "written by the first") is not isinstance(written, LeaseLostError)
        with pytest.raises(LeaseLostError):
            lease.fence(session_id, A, 1, last_error="again")


def test_renewing_and_a_take_over_at_once_agree_about_the_owner(new_session: Callable[..., str]) -> None:
    for _ in range(ROUNDS):
        session_id = new_session()
        lease.acquire(session_id, A)
        age(session_id, -1)
        owned, epoch = at_once(
            lambda key=session_id: lease.renew(A, [key]),  # type: ignore[misc]
            lambda key=session_id: lease.acquire(key, B),  # type: ignore[misc]
        )
        owner = row(session_id).node
        assert owner == (A if epoch is None else B)
        if owned == {session_id} and owner == B:
            # It was taken after it was renewed, which only a renewal before its expiry can prevent.
            pytest.fail("a renewed lease was taken")
