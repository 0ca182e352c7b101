"""Uploaded files on a real node: what the script gets, and that it is still there after a reload, a restart, a copy."""

from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User

from scriptapps.models import ScriptSession, SessionFile
from scriptapps.node import stop_node
from scriptapps.protocol.codec import SUBPROTOCOL
from scriptapps.runtime.uploaded_files import FileInfo
from scriptapps.sweep import sweep
from tests.live import ORIGIN, Browser, Site, Viewer

pytestmark = pytest.mark.django_db(transaction=True)

READER = """# access: signed-in
from scriptapps import st
file = st.file_uploader("Invoice", type="csv", key="invoice")
many = st.file_uploader("Pictures", accept_multiple_files=True)
st.text(f"{file.name}: {file.read().decode()}" if file else "no invoice")
st.text(", ".join(f"{one.name} {one.getvalue().decode()}" for one in many) or "no pictures")
if st.checkbox("Keep"):
    st.session_state.setdefault("kept", file)
if "kept" in st.session_state:
    st.text(f"kept {st.session_state.kept.getvalue().decode()}")
"""


@pytest.fixture
async def browser(site: Site, alice: User, settings: Any, tmp_path: Any):
    settings.SCRIPTAPPS = {**settings.SCRIPTAPPS, "UPLOAD_ROOT": tmp_path / "uploads"}
    site.folder.write("page.py", READER)
    yield await site.browser(alice)
    await site.leave()


async def upload(browser: Browser, viewer: Viewer, label: str, name: str, content: bytes) -> str:
    """What stands for the uploaded file."""
    token = (await browser.page())["token"]
    address = f"/apps/page/files/{viewer.session_id}/{viewer.widget(label).widget_id}/"
    headers = {"Origin": ORIGIN.decode(), "X-Scriptapps-Token": token, "X-Scriptapps-Name": name}
    post = sync_to_async(browser.client.post)
    answer = await post(address, content, content_type="application/octet-stream", headers=headers)
    assert answer.status_code == 201, answer.content
    wire: str = answer.json()["file"]
    return wire


async def give(viewer: Viewer, label: str, *wires: str) -> list[str]:
    """The page's texts after the uploader got this value."""
    await viewer.set_value(viewer.widget(label), list(wires))
    await viewer.settled()
    return viewer.texts()


async def come_back(browser: Browser, viewer: Viewer) -> Viewer:
    """The same tab again, in a process that knows nothing of the session."""
    await sync_to_async(stop_node)(0)
    return await browser.open(session=viewer.session_id)


async def test_the_script_reads_what_was_uploaded(browser: Browser):
    viewer = await browser.open()
    assert viewer.texts() == ["no invoice", "no pictures"]
    wire = await upload(browser, viewer, "Invoice", "march.csv", b"1,2")
    assert await give(viewer, "Invoice", wire) == ["march.csv: 1,2", "no pictures"]
    one, two = [await upload(browser, viewer, "Pictures", name, name.encode()) for name in ("one", "two")]
    assert await give(viewer, "Pictures", one, two) == ["march.csv: 1,2", "one one, two two"]
    assert not await SessionFile.objects.exclude(unused_since=None).aexists()


async def test_files_are_there_after_a_reload_and_after_a_restart(browser: Browser):
    viewer = await browser.open()
    wire = await upload(browser, viewer, "Invoice", "march.csv", b"1,2")
    await give(viewer, "Invoice", wire)
    again = await browser.open(session=viewer.session_id)
    assert again.texts() == ["march.csv: 1,2", "no pictures"]
    restored = await come_back(browser, viewer)
    assert restored.session_id == viewer.session_id
    assert restored.texts() == ["march.csv: 1,2", "no pictures"]
    assert restored.widget("Invoice").value == [wire]


async def test_an_event_that_was_not_handled_before_a_restart_finds_its_file(browser: Browser):
    viewer = await browser.open()
    wire = await upload(browser, viewer, "Invoice", "march.csv", b"1,2")
    restored = await come_back(browser, viewer)
    assert await give(restored, "Invoice", wire) == ["march.csv: 1,2", "no pictures"]


async def test_what_is_removed_is_deleted_once_that_is_stored(site: Site, browser: Browser, tmp_path: Any):
    viewer = await browser.open()
    one, two = [await upload(browser, viewer, "Pictures", name, name.encode()) for name in ("one", "two")]
    await give(viewer, "Pictures", one, two)
    assert await give(viewer, "Pictures", two) == ["no invoice", "two two"]
    await site.until(lambda: not SessionFile.objects.filter(name="one").exists())
    assert [path.read_bytes() for path in (tmp_path / "uploads").rglob("*") if path.is_file()] == [b"two"]


async def test_a_file_in_the_state_outlives_its_uploader_and_a_restart(site: Site, browser: Browser):
    viewer = await browser.open()
    await give(viewer, "Invoice", await upload(browser, viewer, "Invoice", "march.csv", b"1,2"))
    await viewer.set_value(viewer.widget("Keep"), True)
    await viewer.settled()
    assert await give(viewer, "Invoice") == ["no invoice", "no pictures", "kept 1,2"]
    restored = await come_back(browser, viewer)
    assert restored.texts() == ["no invoice", "no pictures", "kept 1,2"]
    assert await SessionFile.objects.filter(unused_since=None).acount() == 1


async def test_a_duplicated_tab_has_the_files_too(site: Site, browser: Browser):
    viewer = await browser.open()
    wire = await upload(browser, viewer, "Invoice", "march.csv", b"1,2")
    await give(viewer, "Invoice", wire)
    token = (await browser.page())["token"]
    offers = [SUBPROTOCOL, f"token.{token}", f"copy.{viewer.session_id}"]
    copy = Viewer(await browser.knock(offers=offers))
    await copy.attach()
    await copy.settled()
    assert copy.session_id != viewer.session_id
    assert copy.texts() == ["march.csv: 1,2", "no pictures"]
    await give(viewer, "Invoice")
    await copy.set_value(copy.widget("Keep"), True)
    await copy.settled()
    assert copy.texts() == ["march.csv: 1,2", "no pictures", "kept 1,2"]


async def test_a_file_of_another_session_is_not_given_to_the_script(site: Site, browser: Browser, staff: User):
    stranger = await site.browser(staff)
    theirs = await stranger.open()
    wire = await upload(stranger, theirs, "Invoice", "secret.csv", b"secret")
    await give(theirs, "Invoice", wire)
    viewer = await browser.open()
    assert await give(viewer, "Invoice", wire) == ["no invoice", "no pictures"]
    assert viewer.widget("Invoice").value == []
    await theirs.set_value(theirs.widget("Keep"), True)
    await theirs.settled()
    assert theirs.texts()[-1] == "kept secret"


async def test_what_a_browser_says_of_a_file_is_not_believed(browser: Browser):
    viewer = await browser.open()
    true = FileInfo.from_wire(await upload(browser, viewer, "Pictures", "one.png", b"one"))
    claimed = FileInfo(true.file_id, "two.gif", 1, "image/gif")
    assert await give(viewer, "Pictures", claimed.to_wire()) == ["no invoice", "one.png one"]
    assert viewer.widget("Pictures").value == [true.to_wire()]
    # Under another name it is not of the type that the other uploader takes.
    disguised = FileInfo(true.file_id, "one.csv", 1, "text/csv")
    assert await give(viewer, "Invoice", disguised.to_wire()) == ["no invoice", "one.png one"]


@pytest.mark.parametrize(
    "wire", ["", "x", "{}", "[]", '{"id":1}', "[" * 3000, '{"id":"x","name":"x","size":1,"type":""}', "9" * 5000]
)
async def test_values_that_are_no_files_are_refused(browser: Browser, wire: str):
    viewer = await browser.open()
    await viewer.set_value(viewer.widget("Invoice"), [wire])
    await viewer.until(lambda: viewer.errors)
    assert [error.code for error in viewer.errors] == ["invalid_value"]
    assert viewer.texts() == ["no invoice", "no pictures"]


async def test_files_go_when_the_session_is_closed_and_swept(site: Site, browser: Browser, tmp_path: Any):
    viewer = await browser.open()
    await give(viewer, "Invoice", await upload(browser, viewer, "Invoice", "march.csv", b"1,2"))
    await sync_to_async(ScriptSession.objects.all().close)()
    await site.until_row(viewer, state="closed")
    report = await sync_to_async(sweep)()
    assert (report.files, report.file_bytes) == (1, 3)
    assert not [path for path in (tmp_path / "uploads").rglob("*") if path.is_file()]
