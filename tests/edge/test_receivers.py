"""What happens in the site and may change rights is told by one signal."""

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.contrib.sessions.models import Session
from django.test import Client

from scriptapps import identity
from scriptapps.models import ScriptApp, ScriptSession
from scriptapps.signals import access_changed

pytestmark = pytest.mark.django_db


@pytest.fixture
def told(django_capture_on_commit_callbacks):
    """`told(act)` does something and returns what the signal said meanwhile, without what is empty."""

    def observe(act):
        received = []

        def listen(sender, signal, **kwargs):
            received.append({key: value for key, value in kwargs.items() if value})

        access_changed.connect(listen)
        try:
            with django_capture_on_commit_callbacks(execute=True):
                act()
        finally:
            access_changed.disconnect(listen)
        return received

    return observe


@pytest.fixture
def browser(alice) -> Client:
    client = Client()
    client.force_login(alice)
    session = client.session
    session[identity.BINDING_KEY] = "b" * 32
    session.save()
    return client


HASH = identity.binding_hash("b" * 32)


def test_signing_out_revokes_the_binding(browser, told):
    said = told(browser.logout)
    assert {"reason": "signed out", "bindings": [HASH], "revoked": True} in said
    assert all(entry["bindings"] == [HASH] for entry in said)


def test_signing_in_asks_again_and_keeps_the_binding(browser, alice, told):
    said = told(lambda: browser.force_login(alice))
    assert {"reason": "signed in", "bindings": [HASH]} in said
    assert not any(entry.get("revoked") for entry in said)


def test_a_browser_without_binding_is_of_no_interest(alice, told):
    client = Client()
    assert told(lambda: client.force_login(alice)) == []
    assert told(client.logout) == []


def test_a_deleted_django_session(browser, told):
    assert told(Session.objects.all().delete) == [{"reason": "session deleted", "bindings": [HASH]}]


def test_a_saved_user(alice, told):
    assert told(alice.save) == [{"reason": "user changed", "user_ids": [alice.pk]}]
    assert told(lambda: alice.save(update_fields=["last_login"])) == []
    assert told(lambda: User.objects.create_user("new")) == []


def test_a_deleted_user(alice, told):
    row = ScriptApp.objects.create(slug="orders")
    session = ScriptSession.objects.create(script_app=row, user=alice)
    pk = alice.pk
    assert {"reason": "user deleted", "user_ids": [pk], "revoked": True} in told(alice.delete)
    session.refresh_from_db()
    assert session.requests.get().kind == "close"


def test_permissions_and_groups_of_a_user(alice, told):
    permission = Permission.objects.first()
    group = Group.objects.create(name="sales")
    changed = [{"reason": "rights changed", "user_ids": [alice.pk]}]
    everyone = [{"reason": "rights changed", "everyone": True}]
    assert told(lambda: alice.user_permissions.add(permission)) == changed
    assert told(alice.user_permissions.clear) == changed
    assert told(lambda: group.user_set.add(alice)) == changed
    assert told(lambda: alice.groups.remove(group)) == changed
    assert told(group.user_set.clear) == everyone


def test_groups(told):
    assert told(lambda: Group.objects.create(name="sales")) == []
    group = Group.objects.get()
    assert told(group.save) == [{"reason": "group changed", "everyone": True}]
    said = [{"reason": "group's rights changed", "everyone": True}]
    assert told(lambda: group.permissions.add(Permission.objects.get(codename="view_order"))) == said
    assert told(group.delete) == [{"reason": "group changed", "everyone": True}]


def test_script_apps(told):
    assert told(lambda: ScriptApp.objects.create(slug="orders")) == []
    row = ScriptApp.objects.get()
    assert told(row.save) == [{"reason": "script app changed", "slugs": ["orders"]}]
    said = [{"reason": "script app's groups changed", "slugs": ["orders"]}]
    assert told(lambda: row.groups.add(Group.objects.create(name="sales"))) == said
    assert told(row.delete) == [{"reason": "script app changed", "slugs": ["orders"]}]
