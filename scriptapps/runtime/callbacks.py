"""Callbacks of widgets: ``on_change`` and ``on_click``, before the script or its fragments run.

Runs on: the script thread. Invariant: a run that handles callbacks is not given up for a newer one; a callback that is
atomic leaves nothing behind when it fails.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from scriptapps.errors import RerunScript
from scriptapps.runtime.fragments import inside

if TYPE_CHECKING:
    from scriptapps.runtime.live_session import LiveSession
    from scriptapps.runtime.run_context import RunContext
    from scriptapps.runtime.widgets import WidgetSpec


def run_callbacks(session: LiveSession, run: RunContext, changed: list[str]) -> None:
    """Call back for the widgets ``changed`` and for the buttons that were clicked.

    Raises RerunScript when a callback of a fragment asked for more than the fragments that run anyway.
    """
    widgets = session.widgets
    todo = [widget_id for widget_id in changed if _has_callback(widgets.specs.get(widget_id))]
    clicked = [widget_id for widget_id in run.clicks if _has_callback(widgets.specs.get(widget_id))]
    if not todo and not clicked:
        return
    session.shield(run)
    run.in_callbacks = True
    reruns: list[RerunScript] = []
    try:
        for widget_id in clicked:
            session.take_click(run, widgets.specs[widget_id])
        for widget_id in todo + clicked:
            _call_back(session, run, widgets.specs[widget_id], reruns)
    finally:
        run.in_callbacks = False
        session.unshield(run)
    if run.fragments is not None:
        for rerun in reruns:
            if rerun.fragments is None or not set(rerun.fragments) <= set(run.fragments):
                raise rerun


def _call_back(session: LiveSession, run: RunContext, spec: WidgetSpec, reruns: list[RerunScript]) -> None:
    fragment = session.fragments.get(spec.fragment_id) if run.fragments is not None else None

    def call() -> None:
        assert spec.on_change is not None
        with inside(run, fragment) if fragment is not None else nullcontext():
            try:
                spec.on_change(*spec.args, **spec.kwargs)
            except RerunScript as rerun:
                # What the callback belongs to runs after it anyway.
                reruns.append(rerun)

    commit_with = session.options.commit_with
    if not spec.atomic or commit_with is None:
        call()
        return
    before = session.state.checkpoint()
    try:
        commit_with(session, run, call)
    except BaseException:
        session.state.roll_back(before)
        raise


def _has_callback(spec: Any) -> bool:
    return spec is not None and spec.on_change is not None
