"""A failure that happens again and again is in the log at once, and does not fill it. Runs on: pytest."""

from __future__ import annotations

import logging

import pytest

from scriptapps.runtime import outage_log
from scriptapps.runtime.outage_log import OVER_SECONDS, QUIET_SECONDS, OutageLog


class Clock:
    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(outage_log, "time", made)
    return made


@pytest.fixture
def outages(clock, caplog) -> OutageLog:
    caplog.set_level(logging.INFO, "test.outages")
    logger = logging.getLogger("test.outages")
    logger.propagate = True
    return OutageLog(logger)


def test_the_first_one_has_its_traceback_and_the_others_are_counted(outages, clock, caplog) -> None:
    for _ in range(1000):
        outages.failed("The row was not written", OSError("gone\nand more"))
    [first] = caplog.records
    assert first.exc_info
    assert first.exc_info[0] is OSError
    clock.now += QUIET_SECONDS
    outages.failed("The row was not written", OSError("gone\nand more"))
    assert caplog.records[1].getMessage() == "The row was not written (1000 times more): OSError: gone"
    assert not caplog.records[1].exc_info


def test_another_error_and_another_text_are_something_new(outages, caplog) -> None:
    outages.failed("a", OSError())
    outages.failed("a", ValueError())
    outages.failed("b", OSError())
    assert [bool(record.exc_info) for record in caplog.records] == [True] * 3


def test_what_has_not_happened_for_long_begins_anew(outages, clock, caplog) -> None:
    outages.failed("a", OSError())
    clock.now += OVER_SECONDS + 1
    outages.failed("a", OSError())
    assert [bool(record.exc_info) for record in caplog.records] == [True, True]


def test_the_end_is_told_once(outages) -> None:
    assert not outages.is_over("a")
    outages.failed("a", OSError())
    outages.failed("a", ValueError())
    outages.failed("b", OSError())
    assert outages.is_over("a")
    assert not outages.is_over("a")
    assert outages.is_over("b")
