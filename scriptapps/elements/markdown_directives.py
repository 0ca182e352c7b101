"""The Markdown extensions that scripts know: ``:red[text]``, ``:blue-background[text]``, ``:green-badge[text]``,
``:small[text]`` and ``:material/icon:``.

Runs on: any thread. Invariant: only class names of a fixed list reach the HTML.
"""

from __future__ import annotations

import re

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline

COLORS = ("blue", "green", "orange", "red", "violet", "gray", "grey", "yellow", "primary")
DIRECTIVE = re.compile(rf":(?:(?P<color>{'|'.join(COLORS)})(?P<form>-background|-badge)?|(?P<small>small))\[")
ICON = re.compile(r":material/([a-z0-9_]{1,60}):")
CLASS_OF_FORM = {None: "sa-color-", "-background": "sa-bg-", "-badge": "sa-badge-"}


def add_directives(parser: MarkdownIt) -> None:
    """Teach a parser the extensions."""
    parser.inline.ruler.before("link", "directive", _directive)
    parser.inline.ruler.before("link", "icon", _icon)


def icon_name(text: str) -> str:
    """The words of the icons in a text, for where an icon would be all there is."""
    return " ".join(match.replace("_", " ") for match in ICON.findall(text)) or text


def icon_text(icon: str | None) -> str:
    """What the client shows for an ``icon`` parameter: an emoji as it is. There is no icon font for others."""
    return "" if icon is None or ICON.fullmatch(icon) else icon


def _directive(state: StateInline, silent: bool) -> bool:
    if state.src[state.pos] != ":":
        return False
    found = DIRECTIVE.match(state.src, state.pos)
    if found is None:
        return False
    start, maximum = found.end(), state.posMax
    end = state.md.helpers.parseLinkLabel(state, start - 1)
    if end < 0:
        return False
    if not silent:
        tag = "small" if found["small"] else "span"
        opening = state.push("directive_open", tag, 1)
        if not found["small"]:
            color = found["color"].replace("grey", "gray")
            opening.attrs = {"class": CLASS_OF_FORM[found["form"]] + color}
        state.pos, state.posMax = start, end
        state.md.inline.tokenize(state)
        state.push("directive_close", tag, -1)
    state.pos, state.posMax = end + 1, maximum
    return True


def _icon(state: StateInline, silent: bool) -> bool:
    found = ICON.match(state.src, state.pos) if state.src[state.pos] == ":" else None
    if found is None:
        return False
    state.pos = found.end()
    return True
