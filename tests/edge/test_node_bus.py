"""Whatever the channel layer does, a node goes on listening, and the hints that arrive are followed."""

import asyncio
import logging
import threading
from types import SimpleNamespace
from typing import Any

import pytest
from channels.exceptions import ChannelFull

from scriptapps import hints, node_bus
from scriptapps.hints import GROUP, MAX_WAITING, layer_link
from scriptapps.node_bus import NodeBus
from scriptapps.runtime.run_context import current_run

HINT = {"type": "scriptapps.hint", "from": "web-2", "kind": "wanted", "ids": ["a"]}


class ShakyLayer:
    """A channel layer whose answers a test writes: messages, or errors to raise."""

    def __init__(self) -> None:
        self.incoming: asyncio.Queue[Any] = asyncio.Queue()
        self.members: list[str] = []
        self.sent: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.refuse: BaseException | None = None
        self.joined = asyncio.Event()
        self.hang = False
        self.asked_to_join = 0

    async def new_channel(self, prefix: str) -> str:
        return f"{prefix}.{len(self.members)}"

    async def _answer(self) -> None:
        if self.hang:
            await asyncio.Event().wait()
        if self.refuse is not None:
            raise self.refuse

    async def group_add(self, group: str, channel: str) -> None:
        self.asked_to_join += 1
        await self._answer()
        assert group == GROUP
        self.members.append(channel)
        self.joined.set()

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        await self._answer()
        self.sent.put_nowait(message)

    async def receive(self, channel: str) -> Any:
        message = await self.incoming.get()
        if isinstance(message, BaseException):
            raise message
        return message


class Notes:
    """What a node hears, as something to wait for."""

    def __init__(self) -> None:
        self.heard: asyncio.Queue[tuple[str, list[str]]] = asyncio.Queue()
        self.fail = False

    def __call__(self, kind: str, ids: list[str]) -> None:
        if self.fail:
            self.fail = False
            raise RuntimeError("cannot schedule new futures after shutdown")
        self.heard.put_nowait((kind, ids))


@pytest.fixture
async def layer(monkeypatch) -> ShakyLayer:
    shaky = ShakyLayer()
    monkeypatch.setattr(hints, "get_channel_layer", lambda: shaky)
    monkeypatch.setattr(hints, "_tell_neighbours", lambda *_: None)
    monkeypatch.setattr(node_bus, "RETRY_SECONDS", 0)
    return shaky


@pytest.fixture
def notes() -> Notes:
    return Notes()


@pytest.fixture
async def bus(layer, notes):
    node: Any = SimpleNamespace(name="web-1", draining=False, beat=SimpleNamespace(heard=notes))
    bus = NodeBus(node)
    bus.open()
    bus.listen()
    await layer.joined.wait()
    yield bus
    bus.close()
    assert bus._task is not None
    bus._task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await bus._task


async def hears(layer: ShakyLayer, notes: Notes) -> bool:
    layer.incoming.put_nowait(HINT)
    return await notes.heard.get() == ("wanted", ["a"])


@pytest.mark.parametrize(
    "error",
    [
        ConnectionError("Connection closed by server."),
        TimeoutError(),
        ChannelFull(),
        RuntimeError("Event loop is closed"),
        OSError(111, "refused"),
        asyncio.CancelledError(),
        AssertionError("Wrong client prefix"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_listening_survives(bus, layer, notes, error):
    layer.incoming.put_nowait(error)
    assert await hears(layer, notes)
    # The same channel joined again, not one more.
    assert layer.members == ["scriptapps.0", "scriptapps.0"]


async def test_what_a_run_tells_is_sent_without_the_run(bus, layer, monkeypatch):
    seen: asyncio.Queue[Any] = asyncio.Queue()

    async def look(group: str, message: dict[str, Any]) -> None:
        seen.put_nowait(current_run.get(None))

    monkeypatch.setattr(layer, "group_send", look)

    def in_a_run() -> None:
        current_run.set("a run")  # type: ignore[arg-type]
        layer_link.send("wanted", ["a"], "web-1")

    await asyncio.to_thread(in_a_run)
    # The connection that is made for it lives on, and would keep the run and its page.
    assert await seen.get() is None


async def test_a_layer_that_is_gone_for_a_while(bus, layer, notes, caplog, monkeypatch):
    layer.refuse = ConnectionError("refused")
    refusals = 0
    was = layer.group_add

    async def count(group: str, channel: str) -> None:
        nonlocal refusals
        refusals += 1
        if refusals == 50:
            layer.refuse = None
        await was(group, channel)

    monkeypatch.setattr(layer, "group_add", count)
    layer.incoming.put_nowait(ConnectionError("Connection closed by server."))
    assert await hears(layer, notes)
    assert refusals == 50
    first, last = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert first.startswith("The channel layer does not answer (Connection closed by server.)")
    assert last == "The channel layer answers again"


async def test_a_hint_that_cannot_be_followed_costs_only_itself(bus, layer, notes):
    notes.fail = True
    layer.incoming.put_nowait(HINT)
    for nonsense in ({}, {"type": "other"}, {**HINT, "ids": 3}, "text", {**HINT, "from": "web-1"}):
        layer.incoming.put_nowait(nonsense)
    assert await hears(layer, notes)
    assert notes.heard.empty()
    assert layer.members == ["scriptapps.0"]


async def test_the_group_is_joined_again_at_each_beat(bus, layer):
    for number in (2, 3):
        while bus._renewing:  # noqa: ASYNC110  the layer has answered, and its answer is on its way
            await asyncio.sleep(0)
        layer.joined.clear()
        await asyncio.to_thread(bus.renew)
        await layer.joined.wait()
        assert layer.members == ["scriptapps.0"] * number


async def test_a_paused_layer_is_asked_once(bus, layer):
    layer.hang = True
    for _ in range(20):
        await asyncio.to_thread(bus.renew)
    assert layer.asked_to_join == 2


async def test_a_paused_layer_does_not_fill_the_memory(bus, layer):
    for _ in range(MAX_WAITING * 2):
        bus.tell_others("wanted", ["a"])
    assert layer_link.waiting == MAX_WAITING
    assert [await layer.sent.get() for _ in range(MAX_WAITING)]
    await asyncio.wait([task for task in asyncio.all_tasks() if "LayerLink._send" in repr(task)])
    assert (layer_link.waiting, layer.sent.empty()) == (0, True)
    bus.tell_others("wanted", ["b"])
    assert (await layer.sent.get())["ids"] == ["b"]


async def test_hints_are_sent_on_the_servers_loop_and_may_fail(bus, layer):
    sent = asyncio.Event()
    was = layer.group_send

    async def send(group: str, message: dict[str, Any]) -> None:
        assert threading.current_thread() is threading.main_thread()
        try:
            await was(group, message)
        finally:
            sent.set()

    layer.group_send = send
    layer.refuse = ChannelFull()
    await asyncio.to_thread(bus.tell_others, "wanted", ["a"])
    await sent.wait()
    sent.clear()
    layer.refuse = None
    await asyncio.to_thread(bus.tell_others, "wanted", ["a"])
    assert await layer.sent.get() == {**HINT, "from": "web-1"}
    assert layer.sent.empty()


def test_hints_without_a_loop(monkeypatch):
    sent = threading.Event()

    async def group_send(group: str, message: dict[str, Any]) -> None:
        sent.set()

    monkeypatch.setattr(hints, "get_channel_layer", lambda: SimpleNamespace(group_send=group_send))
    monkeypatch.setattr(hints, "_tell_neighbours", lambda *_: None)
    bus = NodeBus(SimpleNamespace(name="command"))  # type: ignore[arg-type]
    bus.tell_others("wanted", ["a"])
    assert sent.wait(10)
    bus.renew()
    done = threading.Event()
    layer_link.submit(done.set)
    assert done.wait(10)
    assert layer_link.waiting == 0


def test_a_new_loop_is_listened_on(monkeypatch):
    async def listen(bus: NodeBus) -> None:
        layer = ShakyLayer()
        monkeypatch.setattr(hints, "get_channel_layer", lambda: layer)
        bus.listen()
        await layer.joined.wait()

    bus = NodeBus(SimpleNamespace(name="web-1", draining=False))  # type: ignore[arg-type]
    asyncio.run(listen(bus))
    asyncio.run(listen(bus))
