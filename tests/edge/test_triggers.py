"""Each way to make a page run is told with what exactly; what somebody typed or sent is never part of it."""

import json
from collections.abc import Awaitable, Callable

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import Permission, User
from django.core.management import call_command
from django.test import Client

import scriptapps
from project.shop.models import Product
from scriptapps import watcher
from scriptapps.models import ApiToken, ScriptSession
from scriptapps.node import get_node
from scriptapps.protocol import schema
from scriptapps.runtime.run_history import RunEntry
from scriptapps.table_versions import announcer
from tests.live import Site, Viewer

pytestmark = pytest.mark.django_db(transaction=True)

PAGE = """# access: signed-in
from scriptapps import st

st.text_input("Region", "value-canary", key="region")
st.text_input("", "x", key="bare")
with st.form("order"):
    st.number_input("Amount", 0, 10, 1)
    st.form_submit_button("Send order")
for _ in st.on_event("order_paid"):
    pass
if st.button("Again"):
    st.rerun()

@st.fragment
def clock():
    st.checkbox("Seconds")

clock()

@st.bind
def finished():
    st.rerun()

if st.button("Work"):
    finished()
"""

FOLLOWING = """# access: signed-in
from project.shop.models import Product
from scriptapps import st
st.rerun_on(Product)
"""
CHANGED = ("model change", "shop_product")


@pytest.fixture
async def page(site: Site, alice: User):
    site.folder.write("page.py", PAGE)
    yield await (await site.browser(alice)).open()
    await site.leave()


@pytest.fixture
def root(superuser: User) -> User:
    superuser.user_permissions.set(Permission.objects.filter(content_type__app_label="scriptapps"))
    return superuser


def _entries(site: Site, page: Viewer) -> list[RunEntry]:
    session = site.session(page)
    return session.history.entries(session.tree.sent)


async def _value(site: Site, page: Viewer, root: User) -> None:
    await page.set_value(page.widget("Region"), "typed-canary")


async def _nameless(site: Site, page: Viewer, root: User) -> None:
    [widget] = [node for node in page.find("text_input") if node is not page.widget("Region")]
    await page.set_value(widget, "y")


async def _click(site: Site, page: Viewer, root: User) -> None:
    await page.click(page.widget("Send order"))


async def _fragment(site: Site, page: Viewer, root: User) -> None:
    await page.set_value(page.widget("Seconds"), True)


async def _script_again(site: Site, page: Viewer, root: User) -> None:
    await page.click(page.widget("Again"))


async def _task(site: Site, page: Viewer, root: User) -> None:
    await page.click(page.widget("Work"))


async def _menu(site: Site, page: Viewer, root: User) -> None:
    await page.send(event=True, rerun=schema.Rerun())


async def _clear(site: Site, page: Viewer, root: User) -> None:
    await page.send(event=True, clear_cache=schema.ClearCache())


async def _event(site: Site, page: Viewer, root: User) -> None:
    await scriptapps.asend_event("order_paid", {"n": "payload-canary"}, by=root, trigger="shop")


async def _python(site: Site, page: Viewer, root: User) -> None:
    await ScriptSession.objects.arerun(values={"region": "sent-canary"}, by=root)


async def _command(site: Site, page: Viewer, root: User) -> None:
    await sync_to_async(call_command)("scriptapps", "rerun", "--all", "--as", root.username)


async def _admin(site: Site, page: Viewer, root: User) -> None:
    client = Client()
    await sync_to_async(client.force_login)(root)
    data = {"action": "rerun", "_selected_action": [page.session_id], "confirmed": "yes"}
    await sync_to_async(client.post)("/admin/scriptapps/scriptsession/", data)


async def _api(site: Site, page: Viewer, root: User) -> None:
    def ask() -> None:
        token = ApiToken(name="cron", user=root, scopes=["rerun"], every_script_app=True)
        secret = token.make_secret()
        token.save()
        body = json.dumps({"sessions": {"ids": [page.session_id]}})
        headers = {"Authorization": f"Bearer {secret}"}
        answer = Client().post("/apps/api/sessions/rerun", body, "application/json", headers=headers)
        assert answer.status_code in (200, 202), answer.content

    await sync_to_async(ask)()


async def _file(site: Site, page: Viewer, root: User) -> None:
    site.session(page).set_run_on_save(True)
    watching = watcher.SourceWatcher(get_node())
    path = site.folder.write("page.py", PAGE + "st.text('more')\n")
    watching.files_changed({path})


async def _timer(site: Site, page: Viewer, root: User) -> None:
    session = site.session(page)
    [fragment] = [one for one in session.fragments.all() if one.name == "clock"]
    session.later._every(fragment.fragment_id, fragment.name)


KINDS: dict[str, tuple[Callable[[Site, Viewer, User], Awaitable[None]], str, str]] = {
    "widget": (_value, "widget", "Region"),
    "widget without a label": (_nameless, "widget", "bare"),
    "form": (_click, "widget", "Send order"),
    "fragment": (_fragment, "widget", "Seconds"),
    "st.rerun": (_script_again, "st.rerun", "line 12"),
    "task": (_task, "task", "finished"),
    "menu": (_menu, "rerun", "asked on the page"),
    "clear cache": (_clear, "clear cache", "asked on the page"),
    "event": (_event, "event", "order_paid (shop: root)"),
    "python": (_python, "Python", "root"),
    "command": (_command, "command", "root"),
    "admin": (_admin, "admin", "root"),
    "API": (_api, "API", "root, token cron"),
    "file": (_file, "file saved", "page.py"),
    "timer": (_timer, "timer", "clock"),
}


@pytest.mark.parametrize("kind", KINDS)
async def test_each_trigger_says_what_exactly(site: Site, page: Viewer, root: User, kind: str):
    act, trigger, detail = KINDS[kind]
    assert [(run.trigger, run.detail) for run in _entries(site, page)] == [("opened", "")]
    await act(site, page, root)
    await site.until(lambda: (_entries(site, page)[0].trigger, _entries(site, page)[0].detail) == (trigger, detail))
    assert "canary" not in str([(run.trigger, run.detail) for run in _entries(site, page)])


async def test_a_change_of_data_says_which_table(site: Site, alice: User):
    site.folder.write("page.py", FOLLOWING)
    page = await (await site.browser(alice)).open()
    await Product.objects.acreate(name="model-canary", price=1)
    await site.until(lambda: (_entries(site, page)[0].trigger, _entries(site, page)[0].detail) == CHANGED)
    await site.leave()
    # Other processes are told a moment later, while the table is still there.
    await sync_to_async(announcer.finish)()
