"""``st.set_page_config``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from scriptapps.deltas.library import command
from scriptapps.errors import ScriptApiError
from scriptapps.protocol import schema
from scriptapps.runtime.run_context import get_run

LAYOUTS = ("centered", "wide")
SIDEBARS = ("auto", "expanded", "collapsed")


@command
def set_page_config(
    page_title: str | None = None,
    page_icon: str | None = None,
    layout: Literal["centered", "wide"] | None = None,
    initial_sidebar_state: Literal["auto", "expanded", "collapsed"] | None = None,
    menu_items: Mapping[str, str | None] | None = None,
) -> None:
    """Set the browser tab's title and icon (an emoji), the page's width and how the sidebar stands at first.

    May be called anywhere and again; what is not given stays. ``menu_items`` has no effect: the site has its own menus.
    """
    if layout is not None and layout not in LAYOUTS:
        raise ScriptApiError(f'layout must be "centered" or "wide", not {layout!r}.')
    if initial_sidebar_state is not None and initial_sidebar_state not in SIDEBARS:
        raise ScriptApiError(
            f'initial_sidebar_state must be "auto", "expanded" or "collapsed", not {initial_sidebar_state!r}.'
        )
    run = get_run()
    run.check()
    run.session.set_page_config(
        schema.PageConfig(
            title=str(page_title or ""), icon=page_icon or "", layout=layout or "", sidebar=initial_sidebar_state or ""
        )
    )
