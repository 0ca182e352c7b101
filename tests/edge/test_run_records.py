"""What people met is found by staff: kept, grouped, limited, and its values are for those who may see them."""

import logging
import uuid
from datetime import timedelta

import pytest
from asgiref.sync import sync_to_async
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone

from scriptapps.models import AuditRecord, ErrorGroup, RunRecord, ScriptApp, ScriptSession
from scriptapps.run_records import write_record
from scriptapps.runtime.redaction import HIDDEN
from scriptapps.runtime.run_queue import RerunRequest
from scriptapps.sweep import sweep
from tests.live import Site

ERRORS = "/admin/scriptapps/errorgroup/"
RECORDS = "/admin/scriptapps/runrecord/"
CANARY = "canary-4711"
HIDDEN_CANARY = "hidden-canary-0815"

BREAKS = f"""# access: signed-in
from scriptapps import st
from django.contrib.auth.models import Group
st.session_state["kept"] = "{CANARY}"
note = st.text_input("Note", "{CANARY}", key="note")
pin = st.text_input("PIN", "{HIDDEN_CANARY}", type="password")
print("typed", note, pin)

def total():
    raise ValueError(f"cannot add {{note}} {{pin}}")

if st.button("Add"):
    for _ in range(5):
        Group.objects.filter(name="{CANARY}").exists()
    total()
"""


@pytest.fixture
def reader(staff: User) -> Client:
    """Staff who may see errors and runs, no values."""
    return signed_in(staff, "view_errorgroup", "view_runrecord", "view_scriptsession")


@pytest.fixture
def seer(superuser: User) -> Client:
    """Staff who may see values, too."""
    client = Client()
    client.force_login(superuser)
    return client


def signed_in(user: User, *codenames: str) -> Client:
    user.user_permissions.add(*Permission.objects.filter(codename__in=codenames))
    client = Client()
    client.force_login(user)
    return client


def fields(**changed) -> dict:
    frame = {"file": "page.py", "line": 3, "function": "total", "source": "1 / 0"}
    return {
        "session_id": uuid.uuid4(), "script_app": "page", "user_id": None, "run_id": "r-1", "trigger": "widget",
        "detail": "Add", "fragments": [], "outcome": "failed", "duration_ms": 5.0, "is_slow": False,
        "reference": uuid.uuid4().hex[:12], "error_type": "ValueError", "message": f"bad {CANARY}", "frames": [frame],
        "values": {"note": CANARY}, "output": CANARY, "queries": 1, "query_ms": 1.0, "duplicates": [[CANARY, 3]],
    } | changed  # fmt: skip


# -- from the page to the row ------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
async def test_an_error_that_a_person_met_is_found_by_its_reference(site: Site, alice: User, superuser: User):
    site.folder.write("page.py", BREAKS)
    browser = await site.browser(alice)
    viewer = await browser.open()
    await viewer.click(viewer.widget("Add"))
    await viewer.settled()
    reference = viewer.finished[-1].message.removeprefix("Reference ")
    await site.until(lambda: RunRecord.objects.filter(reference=reference).exists())
    record = await RunRecord.objects.select_related("group", "user").aget(reference=reference)
    assert (record.user, record.script_app, record.trigger, record.detail) == (alice, "page", "widget", "Add")
    assert (record.outcome, record.error_type, record.is_slow) == ("failed", "ValueError", False)
    assert str(record.session_id) == viewer.session_id
    assert [frame["function"] for frame in record.frames] == ["<module>", "total"]
    assert record.message == f"cannot add {CANARY} {HIDDEN}"
    assert record.values == {"note": CANARY, "PIN": HIDDEN}
    assert record.output == f"typed {CANARY} {HIDDEN}\n"
    assert record.queries == 5
    assert [count for _text, count in record.duplicates] == [5]
    assert record.group is not None
    assert record.group.location == "page.py:10 in total"
    entry, *_ = site.session(viewer).history.entries(site.session(viewer).tree.sent)
    assert (entry.reference, entry.queries, entry.trigger) == (reference, 5, "widget")
    client = Client()
    await sync_to_async(client.force_login)(superuser)
    # Two steps: the reference into the search of either list, and the page is there.
    for where in (ERRORS, RECORDS):
        found = await sync_to_async(client.get)(where, {"q": f"Reference {reference}"}, follow=True)
        text = found.content.decode()
        assert "page.py:10 in total" in text
        assert f"ValueError: cannot add {CANARY}" in text
        assert "widget: Add" in text
        assert f"note: {CANARY}" in text
        assert HIDDEN_CANARY not in text
    await site.leave()


@pytest.mark.django_db(transaction=True)
async def test_slow_runs_and_scripts_that_do_not_compile_are_kept(site: Site, alice: User, settings):
    settings.SCRIPTAPPS = {**settings.SCRIPTAPPS, "SLOW_RUN_SECONDS": 0.001}
    site.folder.write("page.py", "# access: signed-in\nfrom scriptapps import st\nsum(range(10**5))\nst.text('slow')\n")
    viewer = await (await site.browser(alice)).open()
    await site.until(lambda: RunRecord.objects.filter(is_slow=True).exists())
    slow = await RunRecord.objects.aget()
    assert (slow.outcome, slow.group_id, slow.trigger) == ("completed", None, "opened")
    settings.SCRIPTAPPS = {**settings.SCRIPTAPPS, "SLOW_RUN_SECONDS": None}
    site.folder.write("page.py", "# access: signed-in\nif True\n")
    site.session(viewer).request_rerun(RerunRequest("file saved", detail="page.py"))
    await site.until(lambda: RunRecord.objects.filter(outcome="not_compiled").exists())
    assert await RunRecord.objects.acount() == 2
    await site.leave()


@pytest.mark.django_db(transaction=True)
async def test_an_error_between_runs_is_found_too(site: Site, alice: User):
    source = "from scriptapps import st\ndef work():\n    raise KeyError('lost')\nst.background(work)\n"
    site.folder.write("page.py", f"# access: signed-in\n{source}")
    await (await site.browser(alice)).open()
    await site.until(lambda: RunRecord.objects.filter(error_type="KeyError").exists())
    record = await RunRecord.objects.aget(error_type="KeyError")
    assert record.trigger == "between runs"
    assert record.reference
    await site.leave()


@pytest.mark.django_db(transaction=True)
async def test_no_run_waits_for_a_record(site: Site, alice: User, monkeypatch, caplog):
    def fail(fields) -> None:
        raise RuntimeError("the database is gone")

    monkeypatch.setattr("scriptapps.run_records.write_record", fail)
    site.folder.write("page.py", "# access: signed-in\n1 / 0\n")
    with caplog.at_level(logging.ERROR, "scriptapps.node"):
        viewer = await (await site.browser(alice)).open()
        await site.until(lambda: "A run could not be recorded" in caplog.text)
    assert viewer.find("exception")
    await site.leave()


# -- groups and limits -------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_the_same_mistake_is_one_error(alice: User):
    write_record(fields(user_id=alice.pk))
    moved = [{"file": "page.py", "line": 9, "function": "total", "source": "1 / 0"}]
    write_record(fields(user_id=alice.pk, frames=moved))
    write_record(fields())
    write_record(fields(error_type="KeyError"))
    write_record(fields(script_app="other"))
    group = ErrorGroup.objects.get(error_type="ValueError", script_app="page")
    assert (group.count, group.anonymous_count, list(group.users.all())) == (3, 1, [alice])
    assert group.location == "page.py:3 in total"
    assert ErrorGroup.objects.count() == 3


@pytest.mark.django_db
def test_what_was_resolved_opens_when_it_happens_again():
    write_record(fields())
    ErrorGroup.objects.update(resolved=timezone.now())
    write_record(fields())
    group = ErrorGroup.objects.get()
    assert (group.resolved, group.came_back, group.count) == (None, True, 2)


@pytest.mark.django_db
def test_a_user_who_is_gone_does_not_keep_a_failure_from_being_counted():
    write_record(fields(user_id=987_654))
    assert RunRecord.objects.get().user is None


@pytest.mark.django_db
def test_of_many_the_latest_have_details_and_all_a_reference(settings):
    settings.SCRIPTAPPS = {"RUN_RECORDS_PER_ERROR": 2}
    for number in range(4):
        write_record(fields(reference=f"{number:012x}"))
    kept = RunRecord.objects.order_by("pk").values_list("reference", "has_details", "message")
    full = f"bad {CANARY}"
    assert list(kept) == [(f"{0:012x}", False, ""), (f"{1:012x}", False, ""), (f"{2:012x}", True, full),
                          (f"{3:012x}", True, full)]  # fmt: skip


@pytest.mark.django_db
def test_a_day_has_a_limit_and_slow_runs_a_smaller_one(settings):
    settings.SCRIPTAPPS = {"RUN_RECORDS_PER_DAY": 20}
    for _ in range(5):
        write_record(fields(error_type="", is_slow=True, outcome="completed"))
    assert RunRecord.objects.filter(is_slow=True).count() == 2
    for _ in range(25):
        write_record(fields())
    write_record(fields(script_app="other"))
    assert RunRecord.objects.filter(script_app="page").count() == 20
    assert RunRecord.objects.filter(script_app="other").count() == 1
    assert ErrorGroup.objects.get(script_app="page").count == 25


@pytest.mark.django_db
def test_records_of_long_ago_are_swept(settings):
    settings.SCRIPTAPPS = {"RUN_RECORDS_SECONDS": 3600}
    write_record(fields())
    write_record(fields(error_type="KeyError"))
    old = timezone.now() - timedelta(hours=2)
    RunRecord.objects.filter(error_type="KeyError").update(created=old)
    ErrorGroup.objects.filter(error_type="KeyError").update(last_seen=old)
    assert sweep(dry_run=True).run_records == 1
    assert sweep().run_records == 1
    assert ErrorGroup.objects.get().error_type == RunRecord.objects.get().error_type == "ValueError"


# -- the admin ---------------------------------------------------------------------------------------------------------


def pages(client: Client) -> str:
    """Everything that the admin shows of the one record."""
    record = RunRecord.objects.get()
    addresses = [
        ERRORS, RECORDS, f"{ERRORS}{record.group_id}/change/", f"{RECORDS}{record.pk}/change/"
    ]  # fmt: skip
    found = []
    for address in addresses:
        answer = client.get(address)
        assert answer.status_code == 200, address
        found.append(answer.content.decode())
    return "\n".join(found)


@pytest.mark.django_db
def test_values_are_shown_to_those_who_may_see_them(seer: Client, reader: Client, alice: User):
    row = ScriptApp.objects.create(slug="page")
    session = ScriptSession.objects.create(script_app=row, user=alice, last_error=f"ValueError: {CANARY}")
    write_record(fields(user_id=alice.pk, session_id=session.pk))
    text = pages(reader)
    assert CANARY not in text
    assert "page.py:3 in total" in text
    assert "1 / 0" not in text
    assert not AuditRecord.objects.exists()
    shown = pages(seer)
    for part in (f"ValueError: bad {CANARY}", "1 / 0", f"note: {CANARY}", f"3 × {CANARY}"):
        assert part in shown
    assert set(AuditRecord.objects.values_list("act", "session_id", "script_app")) == {
        ("view values", session.pk, "page")
    }
    assert not [record for record in AuditRecord.objects.all() if CANARY in record.detail]
    address = f"/admin/scriptapps/scriptsession/{session.pk}/change/"
    assert CANARY not in reader.get(address).content.decode()
    assert "ValueError" in reader.get(address).content.decode()
    assert CANARY in seer.get(address).content.decode()


@pytest.mark.django_db
def test_what_an_exception_said_finds_nothing(reader: Client):
    write_record(fields())
    for where in (ERRORS, RECORDS):
        assert reader.get(where, {"q": CANARY}).context["cl"].result_count == 0
        assert reader.get(where, {"q": "ValueError"}).context["cl"].result_count == 1


@pytest.mark.django_db
@pytest.mark.parametrize("codenames", [(), ("view_scriptsession_values",), ("view_errorgroup",)])
def test_each_page_needs_its_permission(staff: User, codenames):
    write_record(fields())
    record = RunRecord.objects.get()
    client = signed_in(staff, *codenames)
    assert client.get(RECORDS).status_code == 403
    assert client.get(f"{RECORDS}{record.pk}/change/").status_code == 403
    expected = 200 if "view_errorgroup" in codenames else 403
    assert client.get(ERRORS).status_code == expected
    assert client.get(f"{ERRORS}{record.group_id}/change/").status_code == expected
    # The reference leads nowhere for those who may not see runs.
    assert client.get(ERRORS, {"q": record.reference}).status_code == expected
    assert client.get(f"{RECORDS}add/").status_code == 403


@pytest.mark.django_db
def test_errors_are_resolved_by_those_who_may(reader: Client, staff: User):
    write_record(fields())
    group = ErrorGroup.objects.get()
    act = {"action": "resolve", "_selected_action": [group.pk]}
    reader.post(ERRORS, act)
    assert ErrorGroup.objects.filter(resolved=None).exists()
    client = signed_in(User.objects.get(pk=staff.pk), "change_errorgroup")
    assert client.post(ERRORS, act).status_code == 302
    assert ErrorGroup.objects.filter(resolved__isnull=False).exists()
    assert client.get(ERRORS).context["cl"].result_count == 0
    assert client.get(ERRORS, {"state": "resolved"}).context["cl"].result_count == 1
    client.post(f"{ERRORS}?state=all", act | {"action": "reopen"})
    assert ErrorGroup.objects.filter(resolved=None).exists()
    assert LogEntry.objects.count() == 2


@pytest.mark.django_db
def test_lists_ask_few_questions(seer: Client, alice: User, django_assert_max_num_queries):
    for number in range(40):
        write_record(fields(user_id=alice.pk, error_type=f"E{number}"))
    for where in (ERRORS, RECORDS):
        with django_assert_max_num_queries(14):
            assert seer.get(where).context["cl"].result_count == 40
