"""Containers, forms and what appears for a while.

Runs on: pytest, no database.
"""

import pytest

from scriptapps.testing import ElementView
from tests.elements.conftest import Page


def kinds(view: ElementView) -> object:
    """The kinds of a part of the page, nested as it is."""
    return [(child.kind, kinds(child)) if child.children else child.kind for child in view.children]


def test_containers_take_elements_by_with_and_by_method(page: Page) -> None:
    tester = page(
        "left, right = st.columns([1, 2], border=True)\nwith left: st.text('a')\nright.text('b')\n"
        "late = st.container(horizontal=True, gap=None)\nst.divider()\nlate.text('c')\n"
        "first, second = st.tabs(['**A**', 'B'], default='B')\nsecond.text('d')\n"
        "st.expander('E', True).text('e')\nst.sidebar.text('f')\nwith st.sidebar: st.text('g')"
    )
    assert not tester.exceptions
    assert kinds(tester.main) == [
        ("columns", [("column", ["text"]), ("column", ["text"])]),
        ("container", ["text"]),
        "divider",
        ("tabs", ["tab", ("tab", ["text"])]),
        ("expander", ["text"]),
    ]
    assert kinds(tester.sidebar) == ["text", "text"]
    assert [column.props.weight for column in tester.find("column")] == [1, 2]
    assert tester.find("tabs")[0].props.selected == 1
    assert [(tab.props.label, tab.props.label_html) for tab in tester.find("tab")] == [
        ("A", "<strong>A</strong>"),
        ("B", ""),
    ]
    assert tester.find("container")[0].props.gap == "none"


def test_a_place_for_one_element(page: Page) -> None:
    tester = page(
        "place = st.empty()\nplace.text('a')\nplace.text('b')\nwith place.container(): st.text('c'); st.text('d')\n"
        "gone = st.empty()\ngone.text('e')\ngone.empty()"
    )
    assert kinds(tester.main) == [("empty", [("container", ["text", "text"])]), "empty"]


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("st.columns(0)", "at least 1"),
        ("st.columns([1, -1])", "positive widths"),
        ("st.columns(2, gap='huge')", "gap must be one of"),
        ("st.tabs([])", "at least one label"),
        ("st.tabs('ab')", "at least one label"),
        ("st.tabs(['a'], default='b')", "default='b'"),
        ("st.container(height=-5)", "height must be"),
        ("st.text('a', width='wide')", "width must be"),
        ("st.button('a', type='big')", "type must be one of"),
        ("st.checkbox(None)", "label must be a text"),
        ("st.text('a').checkbox('b')", "st.empty()"),
        ("st.text_input('a', label_visibility='gone')", "label_visibility"),
        ("st.status('a', state='done')", "state must be one of"),
        ("st.toast('a', duration='ages')", "duration must be"),
        ("st.number_input('a', format='%d %d')", "printf format"),
        ("st.radio('a', ['x'], captions=['1', '2'])", "2 captions for 1 options"),
        ("st.multiselect('a', ['x'], ['y'])", "'y' is not among the options"),
        ("st.set_page_config(layout='huge')", "layout must be"),
        ("st.rerun(scope='elsewhere')", "scope must be"),
        ("st.exception('text')", "takes an exception"),
        ("with st.form('f'): st.button('b')", "stands in a form"),
        ("st.form_submit_button()", "outside a form"),
        ("with st.form('f'):\n    with st.container():\n        with st.form('g'): pass", "cannot be inside another"),
        ("st.form('f'); st.form('f')", "two forms with the key"),
        ("with st.form('f'): st.checkbox('c', on_change=print)", "has on_change"),
        ("st.checkbox('c'); st.checkbox('c')", "cannot be told apart"),
        ("st.checkbox('c', key='k'); st.toggle('d', key='k')", "have the key 'k'"),
        ("st.session_state.k = 11; st.slider('s', 0, 10, key='k')", "takes values from 0 to 10"),
        ("st.session_state.k = 1; st.button('b', key='k')", "cannot be assigned"),
    ],
)
def test_mistakes_are_named(page: Page, source: str, words: str) -> None:
    [shown] = page(source).exceptions
    assert words in shown.message


def test_a_form_sends_its_fields_together(page: Page) -> None:
    tester = page(
        "with st.form('f', clear_on_submit=True):\n    name = st.text_input('Name', key='name')\n"
        "    sent = st.form_submit_button('Send')\nst.text(repr((name, sent)))"
    )
    tester.get(key="name").set_value("Ada")
    tester.run()
    assert tester.find("text")[0].props.body == "('', False)"
    tester.get(label="Send").click()
    tester.run()
    assert tester.find("text")[0].props.body == "('Ada', True)"
    tester.run()
    assert tester.find("text")[0].props.body == "('', False)"


def test_a_container_can_hold_a_form(page: Page) -> None:
    tester = page("st.sidebar.form('f').form_submit_button()\nst.columns(1)[0].form('g').form_submit_button(key='g')")
    assert not tester.exceptions
    assert kinds(tester.sidebar) == [("form", ["button"])]


def test_status_tells_how_its_work_ended(page: Page) -> None:
    tester = page(
        "with st.status('A') as a: a.text('x'); a.update(label='*B*', expanded=True)\n"
        "with st.status('C') as c: c.update(state='error')\n"
        "try:\n    with st.status('D'): 1 / 0\nexcept ZeroDivisionError: pass\n"
        "st.status('E')\n"
        "with st.status('F'): st.stop()"
    )
    shown = [(view.props.label, view.props.state) for view in tester.find("status")]
    assert shown == [("B", "complete"), ("C", "error"), ("D", "error"), ("E", "running"), ("F", "complete")]
    assert tester.find("status")[0].props.label_html == "<em>B</em>"
    assert kinds(tester.find("status")[0]) == ["text"]


def test_a_spinner_is_gone_when_its_block_ends(page: Page) -> None:
    tester = page(
        "with st.spinner('a'): st.text('b')\ntry:\n    with st.spinner(): 1 / 0\nexcept ZeroDivisionError: pass\n"
        "with st.spinner('c'): st.stop()"
    )
    assert kinds(tester.main) == ["text"]


def test_toasts_are_no_part_of_the_page(page: Page) -> None:
    tester = page("st.toast('*a* <b>', icon='🍞', duration='long')")
    [toast] = tester.toasts
    assert (toast.body_html, toast.icon, toast.seconds) == ("<em>a</em> &lt;b&gt;", "🍞", 10)
    assert not tester.elements


LATE = "class Late:\n    def __init__(self, text): self.text = text\n    def __str__(self): return self.text\n"


def test_translations_that_are_looked_up_late_are_texts(page: Page) -> None:
    tester = page(
        LATE + "st.text(st.text_input(Late('Name'), help=Late('h'), placeholder=Late('p')))\nst.expander(Late('E'))\n"
        "st.tabs([Late('T')])\nst.title(Late('A'))\nst.info('b', title=Late('c'))"
    )
    tester.get(label="Name").set_value("Ada")
    tester.run()
    assert not tester.exceptions
    assert tester.find("text")[0].props.body == "Ada"


def test_widths(page: Page) -> None:
    tester = page("st.text('a', width=200)\nst.button('b', use_container_width=True)\nst.markdown('c')")
    assert [view.node.width for view in tester.elements] == ["200", "stretch", ""]


def test_a_disabled_widget_takes_nothing(page: Page) -> None:
    tester = page("st.text(st.checkbox('a', disabled=True))")
    assert tester.get(label="a").props.field.disabled
