"""``st.success``, ``st.info``, ``st.warning`` and ``st.error``."""

from __future__ import annotations

from scriptapps.deltas.container import Container, Placed
from scriptapps.deltas.library import element
from scriptapps.elements.markdown_directives import icon_text
from scriptapps.elements.markdown_html import block_html, clean_text
from scriptapps.elements.sizes import Width, wire_width
from scriptapps.elements.text_cache import remembered
from scriptapps.protocol import schema


@element("alert")
def success(
    container: Container, body: object, *, icon: str | None = None, title: str | None = None, width: Width = "stretch"
) -> Placed:
    """Show that something went well. ``body`` is Markdown, ``icon`` an emoji, ``title`` a line above the body."""
    return container.add_bytes("alert", _props(str(body), "SUCCESS", icon, title), width=wire_width(width))


@element("alert")
def info(
    container: Container, body: object, *, icon: str | None = None, title: str | None = None, width: Width = "stretch"
) -> Placed:
    """Show something worth knowing. Parameters as for ``success``."""
    return container.add_bytes("alert", _props(str(body), "INFO", icon, title), width=wire_width(width))


@element("alert")
def warning(
    container: Container, body: object, *, icon: str | None = None, title: str | None = None, width: Width = "stretch"
) -> Placed:
    """Show something to be careful about. Parameters as for ``success``."""
    return container.add_bytes("alert", _props(str(body), "WARNING", icon, title), width=wire_width(width))


@element("alert")
def error(
    container: Container, body: object, *, icon: str | None = None, title: str | None = None, width: Width = "stretch"
) -> Placed:
    """Show that something failed. Parameters as for ``success``."""
    return container.add_bytes("alert", _props(str(body), "ERROR", icon, title), width=wire_width(width))


@remembered
def _props(text: str, level: str, icon: str | None, title: str | None) -> bytes:
    return schema.Alert(
        level=schema.Alert.Level.Value(level),
        html=block_html(clean_text(text)),
        icon=icon_text(icon),
        title=str(title or ""),
    ).SerializeToString()
