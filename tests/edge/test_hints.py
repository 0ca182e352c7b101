"""Hints between processes of one host: what proves that it comes from the site is followed, once; nothing else is."""

import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import DatabaseError

from scriptapps import hints
from scriptapps.hint_port import HintPort
from scriptapps.hints import LOOPBACK, MAX_DATAGRAM, seal, tell, unseal
from scriptapps.models import ServerProcess

ME = "web-1:7:1"


class Ears:
    """What a port hears."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, list[str]]] = []
        self.something = threading.Event()

    def __call__(self, kind: str, ids: list[str]) -> None:
        if kind == "broken":
            raise RuntimeError("the node is not there yet")
        self.heard.append((kind, ids))
        self.something.set()


@pytest.fixture
def ears() -> Ears:
    return Ears()


@pytest.fixture
def port(ears: Ears) -> Iterator[HintPort]:
    made = HintPort(ME, ears)
    made.open()
    yield made
    made.close()
    assert made.number == 0


def send(port: HintPort, *datagrams: bytes) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as door:
        for data in datagrams:
            door.sendto(data, (LOOPBACK, port.number))


def test_a_hint_arrives_and_is_followed_once(port: HintPort, ears: Ears) -> None:
    data = seal(ME, "wanted", ["a", "b"])
    send(port, data, data, data, seal(ME, "release", []))
    assert ears.something.wait(10)
    while len(ears.heard) < 2:
        ears.something.clear()
        assert ears.something.wait(10)
    assert ears.heard == [("wanted", ["a", "b"]), ("release", [])]


def test_what_is_not_of_this_site_is_dropped(port: HintPort, ears: Ears, settings: Any, caplog) -> None:
    good = seal(ME, "wanted", ["a"])
    settings.SECRET_KEY, mine = "another site's", settings.SECRET_KEY
    foreign = seal(ME, "wanted", ["x"])
    settings.SECRET_KEY = mine
    forged = good[:32] + good[32:].replace(b'"a"', b'"x"')
    send(port, b"", b"hello", foreign, forged, good[:-1], seal("web-2:8:1", "wanted", ["x"]), good)
    assert ears.something.wait(10)
    assert ears.heard == [("wanted", ["a"])]
    assert not caplog.records


def test_an_old_hint_is_not_followed(settings: Any, monkeypatch) -> None:
    data = seal(ME, "wanted", [])
    assert unseal(data, ME) == ("wanted", [])
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 11)
    assert unseal(data, ME) is None
    monkeypatch.setattr(time, "time", lambda: now - 11)
    assert unseal(data, ME) is None


def test_the_secret_may_change(settings: Any) -> None:
    data = seal(ME, "wanted", ["a"])
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "the next one"
    assert unseal(data, ME) == ("wanted", ["a"])


def test_more_ids_than_a_datagram_holds_mean_all() -> None:
    data = seal(ME, "wanted", [f"{number:036d}" for number in range(2_000)])
    assert len(data) < MAX_DATAGRAM
    assert unseal(data, ME) == ("wanted", [])


def test_a_hint_that_cannot_be_followed_costs_only_itself(port: HintPort, ears: Ears, caplog) -> None:
    send(port, seal(ME, "broken", []), seal(ME, "wanted", ["a"]))
    assert ears.something.wait(10)
    assert ears.heard == [("wanted", ["a"])]
    assert "the next beat makes it good" in caplog.text


@pytest.mark.django_db
def test_processes_of_this_host_that_live_are_told(port: HintPort, ears: Ears, monkeypatch) -> None:
    here = socket.gethostname()[:60]
    for name, host, number, state in [
        (ME, here, port.number, "ready"),
        ("elsewhere:1:1", "another-host", port.number, "ready"),
        ("ended:2:1", here, port.number, "ended"),
        ("deaf:3:1", here, 0, "ready"),
    ]:
        ServerProcess.objects.create(name=name, host=host, pid=1, hint_port=number, state=state)
    tell("wanted", ["a"])
    assert ears.something.wait(10)
    assert ears.heard == [("wanted", ["a"])]


@pytest.mark.django_db
def test_the_node_of_this_process_hears_without_a_datagram_unless_it_is_left_out(ears: Ears) -> None:
    hints.listen_here("web-9:1:1", ears)
    try:
        tell("wanted", ["a"])
        tell("access", [], here=False)
        hints.stop_listening("somebody else")
        tell("release", ["b"])
    finally:
        hints.stop_listening("web-9:1:1")
    tell("wanted", ["c"])
    assert ears.heard == [("wanted", ["a"]), ("release", ["b"])]


@pytest.mark.django_db
def test_telling_never_fails(monkeypatch, caplog) -> None:
    def broken() -> Any:
        raise DatabaseError("no database for a moment")

    monkeypatch.setattr(ServerProcess.objects, "live", broken)
    tell("wanted", ["a"])
    assert "no database for a moment" in caplog.text


def test_no_port_to_be_had(ears: Ears, monkeypatch, caplog) -> None:
    monkeypatch.setattr("scriptapps.hint_port.LOOPBACK", "203.0.113.1")
    port = HintPort(ME, ears)
    port.open()
    assert port.number == 0
    assert "beats find what they ask" in caplog.text
    port.close()
