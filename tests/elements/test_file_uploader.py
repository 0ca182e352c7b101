"""st.file_uploader: what the script gets, what is refused, and how long a file stays."""

import io
import zipfile

import pandas
import pytest

from scriptapps.errors import InvalidWidgetValueError, ScriptAppsError, UploadedFileGoneError
from scriptapps.runtime.state_codec import decode_value, encode_value
from scriptapps.runtime.uploaded_files import IN_MEMORY_BYTES, FileInfo, NoFiles, UploadedFile
from scriptapps.testing import ScriptTester
from tests.elements.conftest import Page

INFO = FileInfo("0b5b1c2e-3c4d-4e5f-8a9b-0c1d2e3f4a5b", "a.csv", 7, "text/csv")


def texts(tester: ScriptTester) -> list[str]:
    assert tester.exceptions == []
    return [element.props.body for element in tester.find("text")]


def file(content: bytes, opened: list[str] | None = None) -> UploadedFile:
    """A file with these bytes; `opened` notes each time that they are asked for."""

    def give(file_id: str) -> io.BytesIO:
        if opened is not None:
            opened.append(file_id)
        return io.BytesIO(content)

    return UploadedFile(FileInfo(INFO.file_id, INFO.name, len(content), INFO.content_type), give)


# -- the file ----------------------------------------------------------------------------------------------------------


def test_a_file_is_fetched_when_it_is_first_read():
    opened: list[str] = []
    uploaded = file(b"a,b\n1,2\n", opened)
    assert (uploaded.name, uploaded.size, uploaded.type, uploaded.file_id) == ("a.csv", 8, "text/csv", INFO.file_id)
    assert uploaded.tell() == 0
    assert opened == []
    assert uploaded.readline() == b"a,b\n"
    assert uploaded.read() == b"1,2\n"
    assert uploaded.getvalue() == bytes(uploaded.getbuffer()) == b"a,b\n1,2\n"
    assert uploaded.tell() == 8
    assert (uploaded.seek(-4, io.SEEK_END), uploaded.read(2)) == (4, b"1,")
    assert (uploaded.seek(0), list(uploaded)) == (0, [b"a,b\n", b"1,2\n"])
    assert opened == [INFO.file_id]


def test_a_large_file_is_not_read_as_a_whole():
    content = b"x" * (IN_MEMORY_BYTES + 1)
    source = io.BytesIO(content)
    uploaded = UploadedFile(FileInfo(INFO.file_id, "a", len(content)), lambda _: source)
    assert uploaded.read(3) == b"xxx"
    assert source.tell() == 3
    uploaded.close()
    assert source.closed


def test_a_closed_file_is_closed():
    with file(b"abc") as uploaded:
        assert uploaded.read(1) == b"a"
    for use in (uploaded.read, uploaded.tell, uploaded.getvalue):
        with pytest.raises(ValueError, match="closed"):
            use()


def test_what_reads_files_reads_it():
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as made:
        made.writestr("inside.txt", "hello")
    with zipfile.ZipFile(file(archive.getvalue())) as opened:
        assert opened.read("inside.txt") == b"hello"
    assert list(io.TextIOWrapper(file("ä\nö".encode()), "utf-8")) == ["ä\n", "ö"]
    buffer = bytearray(2)
    assert file(b"abc").readinto(buffer) == 2
    assert buffer == b"ab"
    assert not file(b"abc").writable()
    assert pandas.read_csv(file(b"a,b\n1,2\n")).to_dict("list") == {"a": [1], "b": [2]}


def test_two_of_one_upload_are_equal():
    assert file(b"a") == file(b"a")
    assert len({file(b"a"), file(b"b")}) == 1
    assert file(b"a") != INFO
    assert repr(file(b"abc")) == "<UploadedFile 'a.csv', 3 bytes>"


def test_outside_of_a_run_a_stored_file_says_why_it_cannot_be_read():
    restored = decode_value(encode_value([file(b"abc")]))[0]
    assert restored == file(b"abc")
    assert (restored.name, restored.size, restored.type) == ("a.csv", 3, "text/csv")
    with pytest.raises(UploadedFileGoneError, match="while a script of its session runs"):
        restored.read()


def test_a_host_that_keeps_no_files():
    assert NoFiles().claim("s", [INFO.file_id]) == {}
    with pytest.raises(UploadedFileGoneError):
        NoFiles().open("s", INFO.file_id)


def test_the_text_of_a_file_is_read_back():
    for name in ("a.csv", 'März 👨‍👩 "x".csv', "x" * 255):
        info = FileInfo(INFO.file_id, name, 3, "text/csv")
        assert FileInfo.from_wire(info.to_wire()) == info


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "{}",
        "[" * 4000,
        "{" * 4000,
        INFO.to_wire() + " " * 5000,
        INFO.to_wire().replace("7", "-7"),
        INFO.to_wire().replace("7", "7.5"),
        INFO.to_wire().replace("7", "true"),
        INFO.to_wire().replace('"a.csv"', '""'),
        INFO.to_wire().replace('"a.csv"', "1"),
        INFO.to_wire().replace("a.csv", "x" * 256),
        INFO.to_wire().replace("a.csv", r"\ud800"),
        INFO.to_wire().replace("0b5b", "0B5B"),
        INFO.to_wire().replace("0b5b", "../x"),
        INFO.to_wire().replace("}", ',"path":"/etc/passwd"}'),
        3,
    ],
)
def test_no_other_text_is_a_file(text):
    with pytest.raises(ValueError):  # noqa: PT011 - of json, uuid and our own
        FileInfo.from_wire(text)


# -- the widget --------------------------------------------------------------------------------------------------------

ONE = """
file = st.file_uploader("Invoice", type=["csv", ".TXT"], on_change=lambda: st.session_state.update(changed=True))
st.text(f"{file.name} {file.type} {file.read().decode()}" if file else "none")
"""
MANY = """
files = st.file_uploader("Pictures", accept_multiple_files=True, key="pictures")
st.text(" ".join(f"{one.name}={one.read().decode()}" for one in files))
st.text(str(st.session_state.pictures == files))
"""


def test_one_file(page: Page):
    tester = page(ONE)
    assert texts(tester) == ["none"]
    tester.get(label="Invoice").upload("march.csv", b"1")
    assert texts(tester.run()) == ["march.csv text/csv 1"]
    # It is there in the next run, too, and read from its beginning.
    assert texts(tester.run()) == ["march.csv text/csv 1"]
    assert tester.session_state["changed"] is True
    tester.get(label="Invoice").upload("APRIL.TXT", b"2")
    assert texts(tester.run()) == ["APRIL.TXT text/plain 2"]
    tester.get(label="Invoice").set_value(None)
    assert texts(tester.run()) == ["none"]
    assert tester.files.contents == {}


def test_several_files(page: Page):
    tester = page(MANY)
    tester.get(label="Pictures").upload("a", b"1").upload("b", b"2")
    assert texts(tester.run()) == ["a=1 b=2", "True"]
    tester.get(label="Pictures").upload("c", b"3")
    assert texts(tester.run()) == ["a=1 b=2 c=3", "True"]
    tester.get(label="Pictures").set_value(tester.get(label="Pictures").value[1:])
    assert texts(tester.run()) == ["b=2 c=3", "True"]
    assert sorted(info.name for info in tester.files.infos.values()) == ["b", "c"]


def test_what_it_takes_is_told_to_the_browser(page: Page):
    tester = page(ONE + 'st.file_uploader("Photo", type="jpg", max_upload_size=0.5)\nst.file_uploader("Any")')
    invoice, photo, anything = [element.props for element in tester.find("file_uploader")]
    assert list(invoice.types) == [".csv", ".txt"]
    assert list(photo.types) == [".jpeg", ".jpg"]
    assert photo.max_bytes == 512 * 1024
    assert list(anything.types) == []
    assert anything.max_bytes == tester.files.max_bytes
    assert not invoice.multiple


def test_other_types_and_larger_files_are_refused(page: Page):
    tester = page('st.file_uploader("Invoice", type="csv", max_upload_size=0.001)\nst.button("Go")')
    for name, content in (("a.exe", b""), ("csv", b""), ("a.csv.exe", b""), ("a.csv", b"x" * 1049)):
        with pytest.raises(InvalidWidgetValueError):
            tester.get(label="Invoice").upload(name, content)
    tester.get(label="Invoice").upload("A.CSV", b"x" * 1048)
    with pytest.raises(ScriptAppsError, match="Nothing can be uploaded"):
        tester.get(label="Go").upload("a.csv", b"")


@pytest.mark.parametrize(
    "call",
    [
        "type=''",
        "type=['csv', 3]",
        "type='image/png'",
        "type=['../x']",
        "max_upload_size=0",
        "max_upload_size=-1",
        "max_upload_size=float('nan')",
        "max_upload_size='5'",
        "max_upload_size=True",
    ],
)
def test_mistakes_are_told(page: Page, call: str):
    [shown] = page(f'st.file_uploader("Invoice", {call})').exceptions
    assert shown.type == "ScriptApiError"
    assert "Invoice" in shown.message


def test_the_script_may_take_files_away_and_give_them_back(page: Page):
    tester = page(
        MANY.replace(
            "files =",
            "if st.button('Swap'): st.session_state.pictures = list(reversed(st.session_state.pictures))\n"
            "if st.button('Clear'): st.session_state.pictures = None\n"
            "if st.button('Wrong'): st.session_state.pictures = ['a.csv']\nfiles =",
        )
    )
    tester.get(label="Pictures").upload("a", b"1").upload("b", b"2")
    tester.run()
    tester.get(label="Swap").click()
    assert texts(tester.run())[0] == "b=2 a=1"
    tester.get(label="Clear").click()
    assert texts(tester.run())[0] == ""
    assert tester.files.contents == {}
    tester.get(label="Wrong").click()
    [shown] = tester.run().exceptions
    assert "uploaded in this session" in shown.message


FORM = """
with st.form("claim", clear_on_submit=True):
    files = st.file_uploader("Receipts", accept_multiple_files=True)
    sent = st.form_submit_button("Send")
st.text(" ".join(f"{one.name}={one.read().decode()}" for one in files) if sent else "waiting")
"""


def test_in_a_form_files_come_with_the_rest_and_go_when_it_is_cleared(page: Page):
    tester = page(FORM)
    tester.get(label="Receipts").upload("a", b"1").upload("b", b"2")
    assert texts(tester.run()) == ["waiting"]
    tester.get(label="Send").click()
    assert texts(tester.run()) == ["a=1 b=2"]
    assert tester.get(label="Receipts").value == []
    assert tester.files.contents == {}


def test_a_file_goes_with_its_widget_unless_the_state_has_it(page: Page):
    tester = page(
        'if st.checkbox("Step 1", value=True):\n'
        '    file = st.file_uploader("Invoice")\n'
        '    if st.checkbox("Keep") and file: st.session_state.steps = {"file": [file]}\n'
        'st.text(st.session_state.steps["file"][0].read().decode() if "steps" in st.session_state else "none")\n'
        'if st.button("Forget"): del st.session_state.steps\n'
    )
    tester.get(label="Invoice").upload("a", b"1")
    tester.run()
    tester.get(label="Step 1").set_value(False)
    assert texts(tester.run()) == ["none"]
    assert tester.files.contents == {}
    tester.get(label="Step 1").set_value(True)
    tester.run()
    tester.get(label="Invoice").upload("b", b"2")
    tester.get(label="Keep").set_value(True)
    assert texts(tester.run()) == ["2"]
    tester.get(label="Step 1").set_value(False)
    tester.run()
    tester.run()
    assert list(tester.files.contents.values()) == [b"2"]
    tester.get(label="Forget").click()
    tester.run()
    assert tester.files.contents == {}


def test_a_value_that_cannot_be_looked_into_keeps_the_file(page: Page):
    tester = page(
        'file = st.file_uploader("Invoice")\n'
        'if file: st.session_state.holder = [file, open("/dev/null")]\n'
        'st.text(str(len(st.session_state.get("holder", []))))'
    )
    tester.get(label="Invoice").upload("a", b"1")
    tester.run()
    tester.get(label="Invoice").set_value(None)
    assert texts(tester.run()) == ["2"]
    assert len(tester.files.contents) == 1
    tester.session_state["holder"][1].close()


def test_a_disabled_uploader_takes_nothing(page: Page):
    tester = page('st.file_uploader("Invoice", disabled=True)')
    with pytest.raises(ScriptAppsError, match="disabled"):
        tester.get(label="Invoice").upload("a", b"1")
