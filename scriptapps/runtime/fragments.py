"""Fragments: the parts of a page that can run again alone.

Runs on: records are made and run on the script thread; ``living`` and ``named`` on any thread. Invariant: what a
fragment places stands in blocks of its own (one where it was called, one in each outer container it writes to), so
that running it again touches nothing else.
"""

from __future__ import annotations

import hashlib
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from scriptapps.deltas.container import Container, current_container
from scriptapps.deltas.node import Node
from scriptapps.errors import DuplicateWidgetError
from scriptapps.protocol import schema

if TYPE_CHECKING:
    from scriptapps.runtime.run_context import RunContext
    from scriptapps.runtime.widgets import WidgetSpec, WidgetStore

KIND = "fragment"


@dataclass(eq=False)
class Fragment:
    """One call of a fragment function, as the last run of it was.

    ``fragment_id`` is the same in every run. ``parent`` is the id of the fragment it was called in, "" for none.
    ``call`` runs the function with the arguments of that call. ``outside`` are its blocks in outer containers.
    ``every`` is in seconds, 0 for never. ``rerun_on`` and ``live`` are for whoever watches the host's data.
    """

    fragment_id: str
    parent: str
    name: str
    key: str
    call: Callable[[], Any]
    node: Node
    form_id: str
    main_module: types.ModuleType
    every: float = 0.0
    rerun_on: tuple[Any, ...] = ()
    live: bool = False
    outside: dict[Node, Node] = field(default_factory=dict)

    @property
    def blocks(self) -> list[Node]:
        """The nodes that it fills."""
        return [self.node.resolve(), *(node.resolve() for node in self.outside.values())]


@dataclass(frozen=True, slots=True)
class FragmentScope:
    """A fragment that is running, in the run that executes it."""

    run: RunContext
    fragment: Fragment

    def place_of(self, node: Node) -> Node:
        """Where the fragment writes if the script names ``node``: there, or in its own block in there."""
        node = node.resolve()
        if node.single or self._is_mine(node):
            return node
        tree, number = self.run.tree, self.run.number
        mine = self.fragment.outside.get(node)
        if mine is not None and not mine.resolve().gone and (mine.resolve().run == number or node.run != number):
            if mine.resolve().run != number:
                # The outer container is not made again in this run, only what the fragment has in it.
                tree.begin_part(number, mine)
        else:
            message = schema.Fragment(id=self.fragment.fragment_id)
            mine = tree.place(number, node, KIND, message.SerializeToString())
            self.fragment.outside[node] = mine
        return mine.resolve()

    def _is_mine(self, node: Node) -> bool:
        blocks = self.fragment.blocks
        above: Node | None = node
        while above is not None:
            if above.resolve() in blocks:
                return True
            above = above.parent
        return False


current_fragment: ContextVar[FragmentScope | None] = ContextVar("scriptapps_fragment", default=None)


def current_fragment_id() -> str:
    """The id of the fragment that runs here, "" outside fragments."""
    scope = current_fragment.get()
    return "" if scope is None else scope.fragment.fragment_id


class Fragments:
    """The fragments of one live session, by id."""

    def __init__(self) -> None:
        self._by_id: dict[str, Fragment] = {}

    def get(self, fragment_id: str) -> Fragment | None:
        """The fragment, if it is on the page."""
        found = self._by_id.get(fragment_id)
        return found if found is not None and not found.node.resolve().gone else None

    def living(self, fragment_ids: Iterable[str]) -> tuple[str, ...]:
        """Those that are on the page, without those that run within another one of them."""
        wanted = [key for key in dict.fromkeys(fragment_ids) if self.get(key) is not None]
        return tuple(key for key in wanted if not self._ancestors(key) & set(wanted))

    def named(self, name: str) -> tuple[str, ...]:
        """Ids of the fragments with this key, else of those whose function has this name."""
        fragments = [fragment for fragment in list(self._by_id.values()) if not fragment.node.resolve().gone]
        keyed = tuple(fragment.fragment_id for fragment in fragments if fragment.key == name)
        return keyed or tuple(fragment.fragment_id for fragment in fragments if fragment.name == name)

    def all(self) -> list[Fragment]:
        """Every fragment on the page."""
        return [fragment for fragment in list(self._by_id.values()) if not fragment.node.resolve().gone]

    def within(self, fragment_ids: Iterable[str]) -> set[str]:
        """These fragments and all that run within them."""
        roots = set(fragment_ids)
        return {key for key in list(self._by_id) if key in roots or self._ancestors(key) & roots}

    def of_widgets(self, specs: Mapping[str, WidgetSpec], widget_ids: Iterable[str]) -> tuple[str, ...] | None:
        """The fragments that these widgets stand in; None if one of them stands in none."""
        found: dict[str, None] = {}
        for widget_id in widget_ids:
            spec = specs.get(widget_id)
            if spec is None or self.get(spec.fragment_id) is None:
                return None
            found[spec.fragment_id] = None
        return tuple(found)

    def limit(
        self, run: RunContext, widgets: WidgetStore, fragment_ids: Iterable[str], widget_ids: Iterable[str]
    ) -> None:
        """The run is for these fragments only, unless a widget of the rest of the page was used as well."""
        used = self.of_widgets(widgets.specs, widget_ids)
        wanted = () if used is None else self.living([*fragment_ids, *used])
        if wanted:
            within = self.within(wanted)
            run.fragments = wanted
            _keep(run, widgets, lambda spec: spec.fragment_id not in within)

    def keep_failed(self, run: RunContext, widgets: WidgetStore) -> None:
        """What a fragment did not come to because of an error keeps its values."""
        if run.failed_fragments:
            failed = self.within(run.failed_fragments)
            _keep(run, widgets, lambda spec: spec.fragment_id in failed)

    def blocks(self, fragment_ids: Iterable[str]) -> list[Node]:
        """Everything that these fragments, and those within them, fill."""
        return [node for key in self.within(fragment_ids) for node in self._by_id[key].blocks]

    def add(self, fragment: Fragment) -> None:
        """A run has come to it."""
        self._by_id[fragment.fragment_id] = fragment

    def end_run(self, ran: tuple[str, ...] | None, placed: set[str]) -> None:
        """A run reached its end: what it could have placed and did not is gone. ``ran`` None: the whole script."""
        candidates = set(self._by_id) if ran is None else self.within(ran) - set(ran)
        for key in candidates - placed:
            del self._by_id[key]

    def _ancestors(self, fragment_id: str) -> set[str]:
        found: set[str] = set()
        fragment = self._by_id.get(fragment_id)
        while fragment is not None and fragment.parent and fragment.parent not in found:
            found.add(fragment.parent)
            fragment = self._by_id.get(fragment.parent)
        return found


def _keep(run: RunContext, widgets: WidgetStore, is_kept: Callable[[WidgetSpec], bool]) -> None:
    kept = {key: spec for key, spec in widgets.specs.items() if is_kept(spec)}
    run.kept = run.kept | kept
    run.kept_keys = run.kept_keys | {name: key for name, key in widgets.keys.items() if key in kept}


def call_fragment(
    run: RunContext,
    function: Callable[[], Any],
    *,
    name: str,
    key: str = "",
    every: float = 0.0,
    rerun_on: tuple[Any, ...] = (),
    live: bool = False,
) -> Any:
    """The script comes to a fragment: give it a block and run it there. Returns what the function returns.

    An exception is shown in the block and ends the fragment only. Raises DuplicateWidgetError for a key used twice.
    """
    scope = current_fragment.get()
    parent = scope.fragment.fragment_id if scope is not None else ""
    fragment_id = make_fragment_id(run, parent, name, key)
    container = current_container.get()
    block = container.add_container(KIND, schema.Fragment(id=fragment_id))
    before = run.session.fragments.get(fragment_id)
    fragment = Fragment(
        fragment_id=fragment_id,
        parent=parent,
        name=name.rpartition(".")[2],
        key=key,
        call=function,
        node=block.node,
        form_id=container.form_id,
        main_module=run.main_module,
        every=every,
        rerun_on=rerun_on,
        live=live,
    )
    if before is not None and run.fragments is not None:
        # The outer containers stay as they are, and with them its blocks in there.
        fragment.outside = before.outside
    run.session.fragments.add(fragment)
    run.placed_fragments.add(fragment_id)
    return run_fragment(run, fragment)


def run_fragment(run: RunContext, fragment: Fragment) -> Any:
    """Run a fragment's function in its block; an exception of the script is shown there."""
    options = run.session.options
    with inside(run, fragment):
        try:
            if fragment.rerun_on:
                options.watch(run, fragment.rerun_on)
            with options.live(run) if fragment.live else nullcontext():
                return fragment.call()
        except Exception as error:
            run.failed_fragments.add(fragment.fragment_id)
            run.report_error(error, fragment.node.resolve())
            return None


@contextmanager
def inside(run: RunContext, fragment: Fragment) -> Iterator[None]:
    """What is written in here is the fragment's."""
    container = Container(run, fragment.node, fragment.form_id)
    scope_token = current_fragment.set(FragmentScope(run, fragment))
    container_token = current_container.set(container)
    try:
        yield
    finally:
        current_container.reset(container_token)
        current_fragment.reset(scope_token)


def make_fragment_id(run: RunContext, parent: str, name: str, key: str = "") -> str:
    """An id that is the same in every run: of the key, else of what is called, where, and which time.

    Raises DuplicateWidgetError for a key used twice in a run.
    """
    if key:
        identity = f"key:{key}"
    else:
        ordinal = run.fragment_calls.get((parent, name), 0)
        run.fragment_calls[parent, name] = ordinal + 1
        identity = f"{parent}:{name}:{ordinal}"
    fragment_id = hashlib.blake2b(identity.encode(), digest_size=9).hexdigest()
    if fragment_id in run.placed_fragments:
        raise DuplicateWidgetError(f"Two fragments have the key {key!r}. A key may be used once per run.")
    return fragment_id
