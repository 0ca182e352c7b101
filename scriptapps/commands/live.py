"""``st.live``."""

from __future__ import annotations

from contextlib import AbstractContextManager
from types import TracebackType
from typing import Self

from scriptapps.deltas.container import Container
from scriptapps.deltas.library import container_element
from scriptapps.protocol import schema
from scriptapps.runtime.run_context import RunContext, get_run


class LiveBlock(Container):
    """A container that notes what is read from the database within its ``with``."""

    __slots__ = ("_blocks",)

    _blocks: list[AbstractContextManager[None]]

    @classmethod
    def of(cls, container: Container, run: RunContext) -> LiveBlock:
        """The same container, live."""
        block = cls(run, container.node, container.form_id)
        block._blocks = []
        return block

    def __enter__(self) -> Self:
        run = get_run()
        self._blocks.append(run.session.options.live(run))
        self._blocks[-1].__enter__()
        return super().__enter__()

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        super().__exit__(exc_type, exc, traceback)
        self._blocks.pop().__exit__(exc_type, exc, traceback)


@container_element("container")
def live(container: Container) -> LiveBlock:
    """Place a container whose block is watched: when a table changes that the block read, the script runs again.

    In a fragment only the fragment runs. What the block reads is what it asks the database for in this run; rows that
    the script kept from before are not seen.
    """
    message = schema.Container(gap="small", align="left", vertical_align="top")
    return LiveBlock.of(container.add_container("container", message), get_run())
