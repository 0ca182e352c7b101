"""The element methods of containers (``container.slider(...)``): none by hand.

Runs on: import time. Invariant: ``library`` adds one method per registered element; the signatures that editors and
mypy see stand in the generated ``element_methods.pyi``.
"""

from __future__ import annotations


class ElementMethods:
    """Gets its methods from ``scriptapps.deltas.library``."""

    __slots__ = ()
