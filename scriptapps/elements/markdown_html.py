"""Markdown to HTML that is safe to put into a page.

Runs on: any thread (pure, cached by text). Invariant: without ``unsafe_html`` no tag of the author reaches the page;
with it every tag passes an allow-list; there is never a style attribute, an event handler or a link that runs code.
"""

from __future__ import annotations

import re
import textwrap

import nh3
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_core import StateCore
from markdown_it.token import Token

from scriptapps.elements.markdown_directives import add_directives, icon_name
from scriptapps.elements.text_cache import remembered

SCHEMES = {"http", "https", "mailto", "tel"}
IMAGE_DATA = re.compile(r"data:image/(png|gif|jpeg|webp);base64,[a-z0-9+/=%]*\Z", re.IGNORECASE)
SCHEME = re.compile(r"([^/?#:]*):")
MARKUP = re.compile(r"[\\`*_{}\[\]<>!&~|:\n]|://|\s\s")
LINK_REL = "noopener noreferrer"

TAGS = {
    "a", "abbr", "b", "blockquote", "br", "caption", "cite", "code", "col", "colgroup", "dd", "del", "details",
    "dfn", "div", "dl", "dt", "em", "figcaption", "figure", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "img",
    "ins", "kbd", "li", "mark", "ol", "p", "pre", "q", "s", "samp", "small", "span", "strong", "sub", "summary",
    "sup", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "u", "ul", "var",
}  # fmt: skip
ATTRIBUTES = {
    "*": {"class", "title", "dir", "lang", "role", "aria-label", "aria-hidden"},
    "a": {"href", "target"},
    "img": {"src", "alt", "width", "height"},
    "ol": {"start"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan", "scope"},
    "details": {"open"},
}


def is_safe_address(address: str) -> bool:
    """Whether a link may lead there: a known scheme, or none at all."""
    compact = re.sub(r"[\x00-\x20\x7f-\xa0]", "", address)
    scheme = SCHEME.match(compact)
    return scheme is None or scheme[1].lower() in SCHEMES or bool(IMAGE_DATA.match(compact))


def _tidy_tokens(state: StateCore) -> None:
    """Alignment as a class, and what a link needs in order to open elsewhere safely."""
    for token in state.tokens:
        if token.type in ("th_open", "td_open") and "style" in token.attrs:
            align = str(token.attrs.pop("style")).rpartition(":")[2]
            token.attrs["class"] = f"sa-align-{align}"
        for child in token.children or ():
            if child.type == "link_open" and str(child.attrs["href"]).startswith(("http:", "https:", "//")):
                child.attrs.update(target="_blank", rel=LINK_REL)


def _make_parser(*, html: bool) -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": html, "xhtmlOut": False}).enable(["table", "strikethrough"])
    # The parser offers no setting for this; replacing the method is its documented way.
    parser.validateLink = is_safe_address  # type: ignore[assignment,method-assign]
    parser.core.ruler.push("tidy_tokens", _tidy_tokens)
    add_directives(parser)
    return parser


_safe_parser = _make_parser(html=False)
_html_parser = _make_parser(html=True)


def clean_text(body: object) -> str:
    """The text of any object without the indentation of the code it was written in."""
    return textwrap.dedent(str(body)).strip()


def block_html(text: str, unsafe_html: bool = False) -> str:
    """HTML of a whole Markdown text. With ``unsafe_html`` its tags are kept as far as the allow-list knows them."""
    html = sanitise(_html_parser.render(text)) if unsafe_html else str(_safe_parser.render(text))
    return html.rstrip("\n")


@remembered
def inline_html(text: str, unsafe_html: bool = False) -> str:
    """HTML of one line of Markdown, for headings."""
    if unsafe_html:
        return sanitise(_html_parser.renderInline(text))
    return str(_safe_parser.renderInline(text))


def sanitise(html: str) -> str:
    """HTML with nothing in it but what the allow-list knows."""
    return str(
        nh3.clean(
            html,
            tags=TAGS,
            attributes=ATTRIBUTES,
            url_schemes=SCHEMES,
            link_rel=LINK_REL,
        )
    )


@remembered
def label_parts(label: str) -> tuple[str, str]:
    """A label as plain text, which is its accessible name, and as HTML, "" if it has no markup.

    Links and pictures in a label are shown as their text: a label is something to click on already.
    """
    if not MARKUP.search(label):
        return label, ""
    tokens = _safe_parser.parseInline(label)[0].children or []
    shown = [token for kept in map(_label_token, tokens) for token in kept]
    plain = "".join(token.content for token in shown if token.type in ("text", "code_inline"))
    if not plain.strip():
        return icon_name(label), ""
    if all(token.type == "text" for token in shown):
        return plain, ""
    return plain, RendererHTML(_safe_parser).renderInline(shown, _safe_parser.options, {})


def _label_token(token: Token) -> list[Token]:
    if token.type in ("link_open", "link_close"):
        return []
    if token.type == "image":
        return [Token("text", "", 0, content=token.content)]
    if token.type in ("softbreak", "hardbreak"):
        return [Token("text", "", 0, content=" ")]
    return [token]


@remembered
def help_html(text: str) -> str:
    """HTML of the text behind a question mark, "" for none."""
    return block_html(clean_text(text)) if text else ""
