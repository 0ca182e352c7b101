"""Tokens and audit records in the admin: shown once, revoked at once, never edited."""

import re

import pytest
from django.contrib.auth.models import Permission, User
from django.core.cache import cache
from django.test import Client

from scriptapps import audit
from scriptapps.models import ApiToken, AuditRecord, ScriptApp, ScriptSession

pytestmark = pytest.mark.django_db

ADD = "/admin/scriptapps/apitoken/add/"
LIST = "/admin/scriptapps/apitoken/"
RECORDS = "/admin/scriptapps/auditrecord/"


@pytest.fixture(autouse=True)
def nobody_has_asked_yet() -> None:
    """Other tests had users and tokens of the same numbers."""
    cache.clear()


@pytest.fixture
def orders() -> ScriptApp:
    return ScriptApp.objects.create(slug="orders")


def signed_in(user: User, *codenames: str) -> Client:
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client = Client()
    client.force_login(user)
    return client


def form(**fields) -> dict:
    return {"name": "import", "scopes": ["view", "rerun"], "expires_0": "", "expires_1": "", **fields}


def test_a_token_is_shown_once_and_works(superuser, orders):
    client = signed_in(superuser)
    answer = client.post(ADD, form(user=superuser.pk, script_apps=[orders.pk]))
    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]
    [secret] = re.findall(r'scriptapps-secret">([^<]+)<', answer.content.decode())
    token = ApiToken.objects.get()
    assert (token.user, token.created_by, token.scopes) == (superuser, superuser, ["view", "rerun"])
    assert secret.startswith(token.prefix)
    assert secret.partition(".")[2] not in f"{token.digest} {client.session.items()} {client.cookies}"
    api = Client(headers={"Authorization": f"Bearer {secret}"})
    assert api.get("/apps/api/sessions").status_code == 200
    token.refresh_from_db()
    assert token.last_used is not None
    for page in (LIST, f"{LIST}{token.pk}/change/", RECORDS):
        text = client.get(page).content.decode()
        assert "import" in text
        assert secret.partition(".")[2] not in text
        assert token.digest not in text
    client.post(LIST, {"action": "revoke", "_selected_action": [token.pk]})
    refused = api.get("/apps/api/sessions")
    assert refused.status_code == 401
    assert "revoked" in refused.json()["detail"]
    acts = list(AuditRecord.objects.order_by("pk").values_list("act", "actor_name", "via"))
    assert acts == [("make token", "root", "admin"), ("revoke token", "root", "admin")]


def test_people_make_tokens_for_themselves_only(staff, superuser, orders):
    client = signed_in(staff, "add_apitoken", "view_apitoken")
    assert 'name="user"' not in client.get(ADD).content.decode()
    assert client.post(ADD, form(user=superuser.pk, every_script_app="on")).status_code == 200
    token = ApiToken.objects.get()
    assert (token.user, token.created_by) == (staff, staff)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "Choose script apps, or every script app."),
        ({"every_script_app": "on", "scopes": []}, "This field is required."),
        ({"every_script_app": "on", "scopes": ["everything"]}, "is not one of the available choices"),
        ({"every_script_app": "on", "expires_0": "2020-01-01", "expires_1": "00:00"}, "This moment has passed."),
    ],
)
def test_a_token_that_would_give_nothing_is_refused(superuser, fields, said):
    answer = signed_in(superuser).post(ADD, form(user=superuser.pk, **fields))
    assert said in answer.content.decode()
    assert not ApiToken.objects.exists()


def test_nothing_about_a_token_can_be_changed_or_deleted(superuser, staff):
    token = ApiToken(name="import", user=staff, scopes=["view"])
    token.make_secret()
    token.save()
    client = signed_in(superuser)
    answer = client.post(f"{LIST}{token.pk}/change/", form(user=superuser.pk, scopes=["close"], every_script_app="on"))
    assert answer.status_code == 403
    assert client.post(f"{LIST}{token.pk}/delete/", {"post": "yes"}).status_code == 403
    token.refresh_from_db()
    assert (token.user, token.scopes, token.every_script_app) == (staff, ["view"], False)


@pytest.mark.parametrize(
    ("codenames", "sees", "adds", "revokes"),
    [
        ((), 403, 403, False),
        (("view_apitoken",), 200, 403, False),
        (("add_apitoken", "view_apitoken"), 200, 200, False),
        (("change_apitoken", "view_apitoken"), 200, 403, True),
    ],
)
def test_each_way_has_its_permission(staff, codenames, sees, adds, revokes):
    token = ApiToken(name="import", user=staff, scopes=["view"], every_script_app=True)
    token.make_secret()
    token.save()
    client = signed_in(staff, *codenames)
    assert client.get(LIST).status_code == sees
    assert client.get(ADD).status_code == adds
    client.post(LIST, {"action": "revoke", "_selected_action": [token.pk]})
    token.refresh_from_db()
    assert (token.revoked is not None) == revokes


def test_records_are_read_with_their_own_permission_and_by_nobody_changed(staff, superuser, orders):
    session = ScriptSession.objects.create(script_app=orders)
    record = audit.record("rerun", by=superuser, via="API", session=session, detail="user=alice")
    assert (record.script_app, record.count) == ("orders", 1)
    assert signed_in(staff, "view_scriptsession").get(RECORDS).status_code == 403
    client = signed_in(staff, "view_auditrecord")
    assert "user=alice" in client.get(RECORDS).content.decode()
    assert client.get(f"{RECORDS}?q={str(session.pk)[:8]}").status_code == 200
    root = signed_in(superuser)
    assert root.get(f"{RECORDS}add/").status_code == 403
    assert root.post(f"{RECORDS}{record.pk}/change/", {"act": "nothing"}).status_code == 403
    assert root.post(f"{RECORDS}{record.pk}/delete/", {"post": "yes"}).status_code == 403
    superuser.delete()
    record.refresh_from_db()
    assert (record.actor, record.actor_name) == (None, "root")
