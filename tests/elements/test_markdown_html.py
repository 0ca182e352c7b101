"""Markdown becomes HTML that cannot do harm.

Runs on: pytest, no database.
"""

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scriptapps.elements.markdown_html import block_html, clean_text, inline_html, is_safe_address, label_parts

HARMLESS_TAGS = {
    "a", "abbr", "b", "blockquote", "br", "caption", "cite", "code", "col", "colgroup", "dd", "del", "details",
    "dfn", "div", "dl", "dt", "em", "figcaption", "figure", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "img",
    "ins", "kbd", "li", "mark", "ol", "p", "pre", "q", "s", "samp", "small", "span", "strong", "sub", "summary",
    "sup", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "u", "ul", "var",
}  # fmt: skip
HARMLESS_ATTRIBUTES = {
    "class", "title", "dir", "lang", "role", "aria-label", "aria-hidden", "href", "target", "rel", "src", "alt",
    "width", "height", "start", "colspan", "rowspan", "scope", "open",
}  # fmt: skip

ATTACKS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "<svg><script href=data:,alert(1) /></svg>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=alert(1)&gt;'>",
    "<a href='javascript:alert(1)'>x</a>",
    "<a href='java\tscript:alert(1)'>x</a>",
    "<a href=' &#14; javascript:alert(1)'>x</a>",
    "<a href='data:text/html,<script>alert(1)</script>'>x</a>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<form action='javascript:alert(1)'><button>x</button></form>",
    "<button formaction=javascript:alert(1)>x</button>",
    "<style>*{background:url(//evil)}</style>",
    "<b style='position:fixed;inset:0'>x</b>",
    "<b onclick=alert(1) onmouseover='alert(1)'>x</b>",
    "<base href='//evil/'>",
    "<meta http-equiv=refresh content='0;url=javascript:alert(1)'>",
    "<object data='javascript:alert(1)'></object><embed src='javascript:alert(1)'>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<template><script>alert(1)</script></template>",
    "<a id='__proto__' name='body'>x</a>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](javascript&colon;alert(1))",
    "[x](&#106;avascript:alert(1))",
    "[x](java&#10;script:alert(1))",
    "[x](<java\tscript:alert(1)>)",
    "[x](\x01javascript:alert(1))",
    "[x](vbscript:msgbox(1))",
    "[x](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)",
    "[x](file:///etc/passwd)",
    "[x](blob:https://example.org/1)",
    "[x]: javascript:alert(1)\n\n[x]",
    "<javascript:alert(1)>",
    "![x](javascript:alert(1))",
    "![x](data:image/svg+xml;base64,PHN2Zy8+)",
    '![x](x "onerror=alert(1)")',
    '![x" onerror="alert(1)](y)',
    '[x](http://a.b "\\"onmouseover=alert(1)")',
    '```"><script>alert(1)</script>\nx\n```',
    '``` x onclick=alert(1) "><img src=x onerror=alert(1)>\nx\n```',
    ":red[<img src=x onerror=alert(1)>]",
    ":red[[x](javascript:alert(1))]",
    ':red-badge[" onclick=alert(1)]',
    ":material/<script>:",
    "| a |\n|:-:|\n| <img src=x onerror=alert(1)> |",
    "# <script>alert(1)</script>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "<<script>script>alert(1)<</script>/script>",
    "<div>\n\n[x](javascript:alert(1))\n\n</div>",
]


class _Inspector(HTMLParser):
    """Fails on everything that could do something."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in HARMLESS_TAGS, tag
        for name, value in attrs:
            assert name in HARMLESS_ATTRIBUTES, f"{tag} {name}"
            if name in ("href", "src"):
                assert is_safe_address(value or ""), value


def assert_harmless(html: str) -> None:
    """Only known tags and attributes, only addresses that lead somewhere."""
    inspector = _Inspector(convert_charrefs=True)
    inspector.feed(html)
    inspector.close()


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_attack_passes(attack: str) -> None:
    for html in (block_html(attack), block_html(attack, True), inline_html(attack), inline_html(attack, True)):
        assert_harmless(html)
    assert_harmless(label_parts(attack)[1])


@given(st.text(alphabet=st.sampled_from("<>\"'=&;:[]()!`*_|#-\\\n ax/javscriptonerd"), max_size=80))
def test_no_text_at_all_makes_a_foreign_tag(text: str) -> None:
    assert_harmless(block_html(text))
    assert_harmless(block_html(text, True))
    assert_harmless(label_parts(text)[1])


def test_without_permission_html_is_text() -> None:
    assert block_html("<b>x</b>") == "<p>&lt;b&gt;x&lt;/b&gt;</p>"


def test_with_permission_harmless_html_stays() -> None:
    html = block_html('<div class="note">a <b>b</b></div>\n\n<details open><summary>s</summary>t</details>', True)
    assert '<div class="note">a <b>b</b></div>' in html
    assert "<summary>s</summary>" in html


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("**b** *i* ~~s~~ `c`", "<p><strong>b</strong> <em>i</em> <s>s</s> <code>c</code></p>"),
        (":red[x *y*]", '<p><span class="sa-color-red">x <em>y</em></span></p>'),
        (":grey-background[x]", '<p><span class="sa-bg-gray">x</span></p>'),
        (":green-badge[x]", '<p><span class="sa-badge-green">x</span></p>'),
        (":small[x]", "<p><small>x</small></p>"),
        (":blue[a :red[b] c]", '<p><span class="sa-color-blue">a <span class="sa-color-red">b</span> c</span></p>'),
        (":pink[x] at 10:30", "<p>:pink[x] at 10:30</p>"),
        (":red[open", "<p>:red[open</p>"),
        (r"\:red[x]", "<p>:red[x]</p>"),
        ("`:red[x]`", "<p><code>:red[x]</code></p>"),
        ("a :material/home: b", "<p>a  b</p>"),
        ("[x](/orders/)", '<p><a href="/orders/">x</a></p>'),
        ("[x](#top)", '<p><a href="#top">x</a></p>'),
        ("[x](mailto:a@b.c)", '<p><a href="mailto:a@b.c">x</a></p>'),
        ("[x](//b.c)", '<p><a href="//b.c" target="_blank" rel="noopener noreferrer">x</a></p>'),
        ("<https://a.b>", '<p><a href="https://a.b" target="_blank" rel="noopener noreferrer">https://a.b</a></p>'),
        ("[x](orders:2024)", "<p>[x](orders:2024)</p>"),
        ("[x](/orders/2024:1)", '<p><a href="/orders/2024:1">x</a></p>'),
    ],
)
def test_what_markdown_becomes(text: str, html: str) -> None:
    assert block_html(text) == html


def test_tables_are_aligned_by_class_not_by_style() -> None:
    html = block_html("| a | b |\n|--:|:-:|\n| 1 | 2 |")
    assert '<th class="sa-align-right">a</th>' in html
    assert '<td class="sa-align-center">2</td>' in html
    assert "style" not in html


@pytest.mark.parametrize(
    ("label", "parts"),
    [
        ("Heat", ("Heat", "")),
        ("Heat: 10 % (max)", ("Heat: 10 % (max)", "")),
        ("**Heat** now", ("Heat now", "<strong>Heat</strong> now")),
        ("`a` & b", ("a & b", "<code>a</code> &amp; b")),
        ("[Heat](https://a.b)", ("Heat", "")),
        ("![Heat](https://a.b/x.png)", ("Heat", "")),
        ("a < b", ("a < b", "")),
        (r"\*a\*", ("*a*", "")),
        ("two\nlines", ("two lines", "")),
        (":red[Late] orders", ("Late orders", '<span class="sa-color-red">Late</span> orders')),
        (":material/delete:", ("delete", "")),
        ("", ("", "")),
    ],
)
def test_a_label_is_plain_text_and_html_only_where_there_is_markup(label: str, parts: tuple[str, str]) -> None:
    assert label_parts(label) == parts


def test_text_loses_the_indentation_of_the_code() -> None:
    assert clean_text("\n        # A\n\n        b\n    ") == "# A\n\nb"
    assert clean_text(12) == "12"


@pytest.mark.parametrize("text", [":red[" * 2000, "[" * 5000, "*a " * 5000, ">" * 5000, "`" * 9999, "![" * 3000])
def test_deep_nesting_ends(text: str) -> None:
    assert_harmless(block_html(text))
    assert_harmless(label_parts(text)[1])
