"""Where a script places elements.

Runs on: the script thread. Invariant: every write passes ``Run.check`` first, so that a stopped run writes nothing.
"""

from __future__ import annotations

from contextvars import ContextVar, Token
from types import TracebackType
from typing import Any, Protocol, Self

from scriptapps.deltas.element_methods import ElementMethods
from scriptapps.deltas.node import Node
from scriptapps.deltas.page_tree import PageTree
from scriptapps.errors import ScriptApiError

current_container: ContextVar[Container] = ContextVar("scriptapps_container")


class Message(Protocol):
    """An element's properties: a message of proto/elements."""

    def SerializeToString(self) -> bytes: ...


class Run(Protocol):
    """What a container needs of the run it belongs to."""

    number: int
    tree: PageTree

    def check(self) -> None:
        """Raise if the run must end here."""

    def acting(self) -> Run:
        """The run that writes when a handle of this one is used: this one, or the later run of a fragment."""

    def place_of(self, node: Node) -> Node:
        """Where a write to ``node`` goes in the run that is acting."""

    def placed(self, kind: str) -> None:
        """An element has been placed."""


class Container(ElementMethods):
    """A place for elements: the page, the sidebar, a column, a form ... Use it with ``with`` or call its methods.

    ``form_id`` is the id of the form it stands in, "" outside forms.
    """

    __slots__ = ("_tokens", "form_id", "node", "run")

    def __init__(self, run: Run, node: Node, form_id: str = "") -> None:
        self.run = run
        self.node = node
        self.form_id = form_id
        self._tokens: list[Token[Container]] = []

    def add(self, kind: str, message: Message, *, width: str | int = "") -> Placed:
        """Place an element and return a handle that can replace or remove it."""
        return self.add_bytes(kind, message.SerializeToString(), width=width)

    def add_bytes(self, kind: str, props: bytes, *, width: str | int = "") -> Placed:
        """Like ``add`` for properties that are serialised already."""
        self.run.check()
        node = self._place(kind, props, str(width))
        return Placed(self.run.acting(), node, self.form_id)

    def add_container(
        self, kind: str, message: Message, *, width: str | int = "", form_id: str | None = None
    ) -> Container:
        """Place an empty container and return it."""
        self.run.check()
        node = self._place(kind, message.SerializeToString(), str(width))
        return Container(self.run.acting(), node, self.form_id if form_id is None else form_id)

    def add_value_element(self, kind: str, props: bytes, widget_id: str, value: Any, forced: bool, width: str) -> Node:
        """Place a widget. ``forced``: the script set the value; otherwise one that is on the page keeps its own."""
        run = self.run.acting()
        run.placed(kind)
        return run.tree.place(
            run.number,
            run.place_of(self.node),
            kind,
            props,
            widget_id=widget_id,
            value=value,
            force_value=forced,
            width=width,
        )

    def _place(self, kind: str, props: bytes, width: str) -> Node:
        run = self.run.acting()
        run.placed(kind)
        return run.tree.place(run.number, run.place_of(self.node), kind, props, width=width)

    def discard(self) -> None:
        """Remove this container and everything in it."""
        self.run.check()
        self.run.tree.discard(self.node)

    def __enter__(self) -> Self:
        self._tokens.append(current_container.set(self))
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        current_container.reset(self._tokens.pop())
        if exc_type is None:
            self.run.tree.close_block(self.node)


class Placed(Container):
    """An element that was placed: its methods replace it (``text = st.text("a"); text.markdown("*b*")``)."""

    __slots__ = ()

    def _place(self, kind: str, props: bytes, width: str) -> Node:
        run = self.run.acting()
        self.node = run.tree.replace(run.number, self.node, kind, props, width)
        return self.node

    def add_value_element(self, kind: str, props: bytes, widget_id: str, value: Any, forced: bool, width: str) -> Node:
        """Refused: raises ScriptApiError."""
        raise ScriptApiError(f"An element cannot be replaced by a {kind}; place st.empty() and put the widget into it.")
