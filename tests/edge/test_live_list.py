"""The list of sessions asks for itself: no answer while nothing changed, else the page as a person would get it."""

import re

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone

from scriptapps.admin_live_list import SEEN_HEADER, age_text
from scriptapps.models import ScriptApp, ScriptSession

pytestmark = pytest.mark.django_db

LIST = "/admin/scriptapps/scriptsession/"


@pytest.fixture
def root(superuser) -> Client:
    client = Client()
    client.force_login(superuser)
    return client


@pytest.fixture
def row() -> ScriptApp:
    return ScriptApp.objects.create(slug="orders", title="Orders")


@pytest.fixture
def session(row, alice) -> ScriptSession:
    return ScriptSession.objects.create(script_app=row, user=alice, node="web-1", viewers=1, last_run_ms=3)


def seen(response) -> str:
    found = re.search(r'data-seen="(\w+)"', response.content.decode())
    assert found
    return found[1]


def update(client: Client, known: str, query: str = ""):
    return client.get(f"{LIST}?{query}", headers={SEEN_HEADER: known})


def test_an_update_without_news_has_no_content(root, session):
    known = seen(root.get(LIST))
    answer = update(root, known)
    assert (answer.status_code, answer.content) == (204, b"")
    # A process that lives writes this every few seconds.
    ScriptSession.objects.update(beat=timezone.now(), lease_expires=timezone.now())
    assert update(root, known).status_code == 204


@pytest.mark.parametrize(
    "changed",
    [
        {"state": "running"},
        {"viewers": 0},
        {"runs": 2},
        {"last_run_ms": 4},
        {"last_outcome": "failed"},
        {"last_trigger": "timer"},
        {"memory_bytes": 5},
        {"node": "web-2"},
        {"state": "closed"},
    ],
)
def test_every_change_that_is_shown_is_news(root, session, changed):
    known = seen(root.get(LIST))
    ScriptSession.objects.update(**changed)
    answer = update(root, known)
    assert answer.status_code == 200
    assert seen(answer) != known
    assert update(root, seen(answer)).status_code == 204


def test_news_elsewhere_in_the_list_count_and_names(root, session, row, alice):
    known = seen(root.get(LIST))
    hidden = ScriptSession.objects.create(script_app=row, node="")
    assert "1 parked" in update(root, known).content.decode()
    known = seen(root.get(LIST))
    User.objects.filter(pk=alice.pk).update(username="alicia")
    assert "alicia" in update(root, known).content.decode()
    assert str(hidden.pk) not in update(root, "").content.decode()


def test_an_update_has_filters_page_and_order_of_its_list(root, session, row):
    bob = User.objects.create_user("bob")
    ScriptSession.objects.create(script_app=row, user=bob, node="web-1", runs=9)
    content = update(root, "", f"user__id__exact={bob.pk}").content.decode()
    assert re.findall(r"data-scriptapps-row=", content) == ["data-scriptapps-row="]
    users = re.compile(r'field-who_and_what.*?first" title="(\w+)"', re.DOTALL)
    column = 4
    assert users.findall(update(root, "", f"o={column}").content.decode()) == ["alice", "bob"]
    assert users.findall(update(root, "", f"o=-{column}").content.decode()) == ["bob", "alice"]


def test_an_update_leaves_messages_to_the_page_that_is_to_show_them(root, session):
    root.post(f"{LIST}{session.pk}/steer/rerun/")
    text = "1 session was asked to rerun."
    assert text not in update(root, "").content.decode()
    assert text in root.get(LIST).content.decode()


def test_an_update_is_for_who_may_see_the_list(root, session, staff):
    client = Client()
    assert update(client, "").status_code == 302
    client.force_login(staff)
    assert update(client, "").status_code == 403
    staff.user_permissions.add(Permission.objects.get(codename="view_scriptsession"))
    known = seen(update(client, ""))
    assert update(client, known).status_code == 204
    root.logout()
    assert update(root, known).status_code == 302


def test_the_list_and_its_updates_ask_few_questions(root, row, django_assert_max_num_queries):
    for number in range(120):
        user = User.objects.create_user(f"u{number}")
        ScriptSession.objects.create(script_app=row, user=user, node="web-1", viewers=1)
    known = seen(root.get(LIST))
    for query in ("", "q=orders", "o=-6.1", "liveness=all", "p=2", f"script_app__id__exact={row.pk}"):
        with django_assert_max_num_queries(10):
            root.get(f"{LIST}?{query}")
    with django_assert_max_num_queries(10):
        assert update(root, known).status_code == 204


def test_by_day(root, session):
    today = timezone.localtime().date()
    query = f"last_seen__year={today.year}&last_seen__month={today.month}&last_seen__day={today.day}"
    assert str(session.pk) in root.get(f"{LIST}?{query}").content.decode()
    assert str(session.pk) not in root.get(f"{LIST}?last_seen__year={today.year - 1}").content.decode()


def test_ages():
    ages = [age_text(seconds) for seconds in (-3, 0, 59.9, 60, 3_599, 3_600, 86_399, 86_400, 10**7)]
    assert ages == ["0 s", "0 s", "59 s", "1 min", "59 min", "1 h", "23 h", "1 d", "115 d"]
