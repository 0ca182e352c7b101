"""Acts on many sessions are asked first and audited; what a session holds is never seen by who may not."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from scriptapps.models import AuditRecord, ScriptApp, ScriptSession

LIST = "/admin/scriptapps/scriptsession/"


@pytest.fixture
def root(superuser) -> Client:
    client = Client()
    client.force_login(superuser)
    return client


def ask(client: Client, kind: str, sessions: list[ScriptSession], **more: str):
    data = {"action": kind, "_selected_action": [str(session.pk) for session in sessions], **more}
    return client.post(LIST, data, follow=True)


@pytest.mark.django_db
@pytest.mark.parametrize("kind", ["rerun", "stop", "close"])
def test_an_act_on_many_says_first_how_many_people_it_concerns(root, superuser, kind):
    row = ScriptApp.objects.create(slug="orders", title="Orders")
    people = [User.objects.create_user(f"u{number}") for number in range(2)]
    sessions = [ScriptSession.objects.create(script_app=row, user=person, node="w", viewers=1) for person in people * 2]
    sessions.append(ScriptSession.objects.create(script_app=row, node="w", binding="b"))
    content = " ".join(ask(root, kind, sessions).content.decode().split())
    assert "It concerns 5 sessions of 3 people; 4 are being looked at." in content
    assert content.count('name="_selected_action"') == 5
    assert not AuditRecord.objects.exists()
    assert not any(session.requests.exists() for session in sessions)
    ask(root, kind, sessions, confirmed="yes")
    assert all([request.kind for request in session.requests.all()] == [kind] for session in sessions)
    [record] = AuditRecord.objects.all()
    assert (record.act, record.actor, record.via, record.count) == (kind, superuser, "admin", 5)
    assert record.detail == "5 sessions of 3 people"


@pytest.mark.django_db
def test_all_of_a_list_are_meant_without_naming_each(root):
    row = ScriptApp.objects.create(slug="orders")
    sessions = [ScriptSession.objects.create(script_app=row, node="w", binding="b") for _ in range(3)]
    content = ask(root, "rerun", sessions[:1], select_across="1").content.decode()
    assert "It concerns 3 sessions" in content
    assert 'name="select_across" value="1"' in content
    assert content.count('name="_selected_action"') == 1
    ask(root, "rerun", sessions[:1], select_across="1", confirmed="yes")
    assert all(session.requests.count() == 1 for session in sessions)
