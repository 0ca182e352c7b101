"""Every endpoint for every kind of actor: what is answered, and that nothing happened where the answer was no."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone

from scriptapps.api.endpoints import ENDPOINTS
from scriptapps.models import ApiToken, AuditRecord, ScriptApp, ScriptSession, SessionRequest

pytestmark = pytest.mark.django_db

ALL = {"sessions": {"all": True}}
ACTS = ["view", "observe", "view values", "rerun", "notify", "stop", "close", "patch", "event"]
# What each operation needs: the acts, and the permissions behind them. Written here a second time on purpose.
NEEDS: dict[str, tuple[set[str], set[str]]] = {
    "GET /api/sessions": ({"view"}, {"view"}),
    "GET /api/sessions/{session_id}": ({"view"}, {"view"}),
    "GET /api/sessions/{session_id}/values": ({"view values"}, {"view_values"}),
    "POST /api/sessions/rerun": ({"rerun"}, {"rerun"}),
    "POST /api/sessions/rerun with values": ({"rerun", "patch"}, {"rerun", "patch"}),
    "POST /api/sessions/stop": ({"stop"}, {"terminate"}),
    "POST /api/sessions/close": ({"close"}, {"terminate"}),
    "POST /api/sessions/notify": ({"notify"}, {"rerun"}),
    "POST /api/sessions/state": ({"patch"}, {"patch"}),
    "POST /api/events": ({"event"}, {"rerun"}),
    # Of somebody else.
    "GET /api/requests/{request_id}": ({"view"}, {"view"}),
    "GET /api/openapi.json": (set(), set()),
}
BODIES = {
    "POST /api/sessions/rerun with values": ALL | {"values": {"region": "EU"}},
    "POST /api/sessions/notify": ALL | {"text": "Hello"},
    "POST /api/sessions/state": ALL | {"state": {"limit": 3}},
    "POST /api/events": ALL | {"name": "import"},
}
CODENAMES = {
    "view": "view_scriptsession",
    "observe": "observe_scriptsession",
    "view_values": "view_scriptsession_values",
    "rerun": "rerun_scriptsession",
    "terminate": "terminate_scriptsession",
    "patch": "patch_scriptsession",
}


@dataclass(frozen=True)
class Who:
    """One column: how it is signed in, what it may, and whether it is anybody at all."""

    permissions: frozenset[str] = frozenset()
    is_staff: bool = False
    is_superuser: bool = False
    is_active: bool = True
    # None: by the site's session.
    scopes: frozenset[str] | None = None
    token: str = ""

    @property
    def is_nobody(self) -> bool:
        return not self.is_active or self.token in {"expired", "revoked", "nobody's", "garbage", "of another"}

    def may(self, operation: str) -> bool:
        acts, permissions = NEEDS[operation]
        has_permissions = self.is_superuser or permissions <= self.permissions
        return has_permissions and (self.scopes is None or acts <= self.scopes)


def with_token(*scopes: str, kind: str = "", **fields: Any) -> Who:
    return Who(is_superuser=fields.pop("is_superuser", True), scopes=frozenset(scopes), token=kind or "good", **fields)


WHO: dict[str, Who] = {
    "anonymous": Who(is_active=False),
    "no permission": Who(),
    "staff": Who(is_staff=True),
    "superuser": Who(is_superuser=True),
    "inactive superuser": Who(is_superuser=True, is_active=False),
    **{f"may {name}": Who(frozenset({name})) for name in CODENAMES},
    "may everything": Who(frozenset(CODENAMES)),
    "token without scope": with_token(),
    **{f"token to {act}": with_token(act) for act in ACTS},
    "token for everything": with_token(*ACTS),
    "token of a user without permission": with_token(*ACTS, is_superuser=False),
    "token of a user who may view": with_token(*ACTS, is_superuser=False, permissions=frozenset({"view"})),
    "expired token": with_token(*ACTS, kind="expired"),
    "revoked token": with_token(*ACTS, kind="revoked"),
    "token of an inactive user": with_token(*ACTS, is_active=False),
    "token of nobody": with_token(*ACTS, kind="nobody's"),
    "token with the secret of another": with_token(*ACTS, kind="of another"),
    "garbage": with_token(*ACTS, kind="garbage"),
    "token for another script app": with_token(*ACTS, kind="elsewhere"),
    "token for this script app": with_token(*ACTS, kind="here"),
}


@pytest.fixture
def session(settings) -> ScriptSession:
    settings.SCRIPTAPPS = {"API_RATE_PER_MINUTE": 1_000_000}
    app = ScriptApp.objects.create(slug="orders")
    ScriptApp.objects.create(slug="elsewhere")
    return ScriptSession.objects.create(script_app=app, node="a process", listens_to=["import"])


@pytest.fixture
def asked(session) -> SessionRequest:
    """Something that somebody else asked."""
    return SessionRequest.objects.create(session=session, kind="rerun", trigger="Python")


def client_of(name: str, who: Who) -> Client:
    if name == "anonymous":
        return Client()
    user = User.objects.create_user(
        "somebody", is_staff=who.is_staff, is_superuser=who.is_superuser, is_active=who.is_active
    )
    codenames = [CODENAMES[permission] for permission in who.permissions]
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    if not who.token:
        client = Client()
        client.force_login(user)
        return client
    return Client(headers={"Authorization": f"Bearer {token_of(user, who)}"})


def token_of(user: User, who: Who) -> str:
    now = timezone.now()
    token = ApiToken(name="a program", user=user, scopes=sorted(who.scopes or ()))
    token.every_script_app = who.token not in {"here", "elsewhere"}
    token.expires = now - timedelta(seconds=1) if who.token == "expired" else now + timedelta(hours=1)
    token.revoked = now if who.token == "revoked" else None
    if who.token == "nobody's":
        token.user = None
    text = token.make_secret()
    token.save()
    if who.token in {"here", "elsewhere"}:
        slug = "orders" if who.token == "here" else "elsewhere"
        token.script_apps.set(ScriptApp.objects.filter(slug=slug))
    if who.token == "of another":
        return token.prefix + "." + ApiToken().make_secret().partition(".")[2]
    return "sat_00000000.nothing" if who.token == "garbage" else text


def send(client: Client, operation: str, session: ScriptSession, asked: SessionRequest) -> Any:
    method, address = operation.removesuffix(" with values").split(" ")
    path = "/apps" + address.format(session_id=session.pk, request_id=asked.pk)
    if method == "GET":
        return client.get(path)
    return client.post(path, json.dumps(BODIES.get(operation, ALL)), "application/json")


def expected(operation: str, who: Who) -> int:
    if who.is_nobody:
        return 401
    if not who.may(operation):
        return 404 if operation.startswith("GET /api/requests") else 403
    if who.token == "elsewhere":
        return 404 if "{" in operation else 200
    return 202 if operation.startswith("POST") else 200


@pytest.mark.parametrize(("operation", "name"), list(itertools.product(NEEDS, WHO)))
def test_the_matrix(operation: str, name: str, session, asked):
    who = WHO[name]
    answer = send(client_of(name, who), operation, session, asked)
    assert answer.status_code == expected(operation, who), answer.content
    happened = SessionRequest.objects.exclude(pk=asked.pk).count()
    assert happened == int(answer.status_code == 202)
    records = {(record.act, record.outcome) for record in AuditRecord.objects.all()}
    if answer.status_code == 403:
        assert {outcome for _act, outcome in records} == {"forbidden"}
    elif answer.status_code == 202:
        assert {outcome for _act, outcome in records} == {"asked"}
    if answer.status_code >= 400:
        assert answer["Content-Type"] == "application/problem+json"
        assert {"title", "status", "detail"} <= answer.json().keys()


def test_every_operation_is_in_the_matrix():
    listed = {operation for operation in NEEDS if not operation.endswith(" with values")}
    assert listed == {f"{endpoint.method} {endpoint.address}" for endpoint in ENDPOINTS}


def test_a_token_for_another_script_app_finds_nobody(session, asked):
    client = client_of("token for another script app", WHO["token for another script app"])
    assert client.get("/apps/api/sessions?liveness=any").json() == {"sessions": [], "next": None}
    answer = client.post("/apps/api/sessions/close", json.dumps({"sessions": {"ids": [str(session.pk)]}}), "text/json")
    assert answer.status_code == 415
    answer = client.post(
        "/apps/api/sessions/close", json.dumps({"sessions": {"ids": [str(session.pk)]}}), "application/json"
    )
    assert answer.json()["asked"] == 0
    assert AuditRecord.objects.get().outcome == "nobody"


def test_a_permission_that_is_taken_away_ends_the_token_at_once(session, asked):
    who = WHO["token of a user who may view"]
    client = client_of("token", who)
    assert client.get("/apps/api/sessions").status_code == 200
    User.objects.get().user_permissions.clear()
    assert client.get("/apps/api/sessions").status_code == 403


def test_who_asked_may_see_what_became_of_it(session):
    client = client_of("may rerun", WHO["may rerun"])
    answer = client.post("/apps/api/sessions/rerun", json.dumps(ALL), "application/json")
    number = answer.json()["requests"][0]["id"]
    assert client.get(f"/apps/api/requests/{number}").json()["outcome"] == "waiting"
    User.objects.get().user_permissions.clear()
    assert client.get(f"/apps/api/requests/{number}").status_code == 404


@pytest.mark.parametrize(("scopes", "told"), [(("view",), ""), (("view", "view values"), "'canary' is no option")])
def test_why_a_value_was_refused_may_quote_it(session, asked, scopes, told):
    SessionRequest.objects.update(error="'canary' is no option")
    answer = client_of("token", with_token(*scopes)).get(f"/apps/api/requests/{asked.pk}")
    assert (answer.status_code, answer.json()["error"]) == (200, told)
