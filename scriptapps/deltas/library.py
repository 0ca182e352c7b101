"""The library of elements, widgets and commands: the declaration is the registration.

Runs on: import time. Invariant: one declaration gives the ``st.`` function and, for elements, the container method,
with one signature; a name is registered once.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Concatenate, ParamSpec, TypeVar

from scriptapps.deltas.container import Container, current_container
from scriptapps.deltas.element_methods import ElementMethods
from scriptapps.errors import NoRunContextError

P = ParamSpec("P")
R = TypeVar("R")

NO_RUN = (
    "st.{name} was called where no script is running. In a thread that the script started, wrap the thread's "
    "function with st.with_run_context(function); at import time of a module, move the call into a function."
)


@dataclass
class Library:
    """All names of ``st``. ``functions`` are called, ``attributes`` are looked up at each access."""

    functions: dict[str, Callable[..., Any]] = field(default_factory=dict)
    attributes: dict[str, Callable[[], Any]] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)

    def add_function(self, name: str, function: Callable[..., Any]) -> None:
        """Register ``st.<name>``. Raises ValueError for a name that is taken."""
        if name in self.functions or name in self.attributes:
            raise ValueError(f"st.{name} is registered twice.")
        self.functions[name] = function

    def add_kinds(self, name: str, kinds: tuple[str, ...]) -> None:
        """Remember which kinds on the wire ``st.<name>`` makes."""
        for kind in kinds:
            self.kinds.setdefault(kind, name)


library = Library()


def element(
    *kinds: str,
) -> Callable[[Callable[Concatenate[Container, P], R]], Callable[P, R]]:
    """Declare an element: a function whose first parameter is the container it goes to.

    ``kinds`` are the kinds on the wire that it makes. The function becomes ``st.<name>`` and ``container.<name>``.
    """

    def declare(function: Callable[Concatenate[Container, P], R]) -> Callable[P, R]:
        name = function.__name__

        @functools.wraps(function)
        def on_current(*args: P.args, **kwargs: P.kwargs) -> R:
            container = current_container.get(None)
            if container is None:
                raise NoRunContextError(NO_RUN.format(name=name + "()"))
            return function(container, *args, **kwargs)

        # help(), inspect and editors see the function as scripts call it: without the container.
        del on_current.__wrapped__
        signature = inspect.signature(function)
        shown = list(signature.parameters.values())[1:]
        on_current.__signature__ = signature.replace(parameters=shown)  # type: ignore[attr-defined]
        if name in vars(Container):
            raise ValueError(f"Container has an attribute {name}, which would hide the element.")
        library.add_function(name, on_current)
        library.add_kinds(name, kinds)
        setattr(ElementMethods, name, function)
        return on_current

    return declare


def widget(*kinds: str) -> Callable[[Callable[Concatenate[Container, P], R]], Callable[P, R]]:
    """Declare a widget: an element with a value."""
    return element(*kinds)


def container_element(*kinds: str) -> Callable[[Callable[Concatenate[Container, P], R]], Callable[P, R]]:
    """Declare a container."""
    return element(*kinds)


def command(function: Callable[P, R]) -> Callable[P, R]:
    """Declare ``st.<name>`` for what is not an element."""
    library.add_function(function.__name__, function)
    return function


def attribute(function: Callable[[], R]) -> Callable[[], R]:
    """Declare ``st.<name>``, looked up at each access: the function is called and its result is the value."""
    name = function.__name__
    if name in library.functions or name in library.attributes:
        raise ValueError(f"st.{name} is registered twice.")
    library.attributes[name] = function
    return function
