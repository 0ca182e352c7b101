"""What the HTTP API makes of requests: forged, too many, too large, unreadable, or about nobody."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings as site_settings
from django.contrib.auth.models import User
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from hypothesis import given, strategies

from scriptapps.api.checking import problems_of
from scriptapps.api.problems import Problem
from scriptapps.api.schemas import SELECTION
from scriptapps.api.values import value_from_json
from scriptapps.api.views import urlpatterns
from scriptapps.models import ApiToken, AuditRecord, ScriptApp, ScriptSession, SessionRequest
from scriptapps.runtime.state_codec import encode_value

pytestmark = pytest.mark.django_db

RERUN = "/apps/api/sessions/rerun"
LIST = "/apps/api/sessions"
ALL = {"sessions": {"all": True}}


@pytest.fixture(autouse=True)
def empty_cache():
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def session() -> ScriptSession:
    app = ScriptApp.objects.create(slug="orders")
    return ScriptSession.objects.create(script_app=app, node="a process")


@pytest.fixture
def client(superuser: User) -> Client:
    """A person with every right, by the site's session."""
    client = Client(enforce_csrf_checks=True)
    client.force_login(superuser)
    return client


@pytest.fixture
def program(superuser: User) -> Client:
    """A program with every right, by a token."""
    token = ApiToken(name="import", user=superuser, scopes=["view", "rerun", "patch", "close"], every_script_app=True)
    text = token.make_secret()
    token.save()
    return Client(enforce_csrf_checks=True, headers={"Authorization": f"Bearer {text}"})


def post(client: Client, body: Any, path: str = RERUN, **headers: str) -> Any:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return client.post(path, data, "application/json", headers=headers)


# -- who ---------------------------------------------------------------------------------------------------------------


def test_a_page_of_another_site_cannot_act_with_the_cookie(client, session):
    answer = post(client, ALL)
    assert (answer.status_code, answer["Content-Type"]) == (403, "application/problem+json")
    assert "X-CSRFToken" in answer.json()["detail"]
    form = client.post(RERUN, {"sessions": '{"all": true}'})
    assert form.status_code == 403
    assert not SessionRequest.objects.exists()
    token = "a" * 32
    client.cookies[site_settings.CSRF_COOKIE_NAME] = token
    assert post(client, ALL, **{"X-CSRFToken": token}).status_code == 202
    assert SessionRequest.objects.count() == 1


def test_a_token_that_is_not_valid_is_not_made_good_by_a_cookie(client, session):
    answer = client.get(LIST, headers={"Authorization": "Bearer sat_00000000.nothing"})
    assert answer.status_code == 401
    assert "invalid_token" in answer["WWW-Authenticate"]
    assert client.get(LIST).status_code == 200
    assert client.get(LIST, headers={"Authorization": "Basic YTpi"}).status_code == 200


@pytest.mark.parametrize("text", ["", " ", ".", "sat_", "sat_\0.x", "ä.ö", "x" * 5_000, "sat_00000000"])
def test_texts_that_are_no_token(db, text):
    assert Client().get(LIST, headers={"Authorization": f"Bearer {text}"}).status_code == 401


def test_what_is_stored_of_a_token_does_not_open_anything(program, session):
    token = ApiToken.objects.get()
    for text in (token.digest, f"{token.prefix}.{token.digest}", token.prefix, f"{token.prefix}."):
        assert Client().get(LIST, headers={"Authorization": f"Bearer {text}"}).status_code == 401


# -- how much ----------------------------------------------------------------------------------------------------------


def test_too_many_requests_are_told_when_to_come_back(program, client, settings, session):
    settings.SCRIPTAPPS = {"API_RATE_PER_MINUTE": 3}
    answers = [program.get(LIST) for _ in range(8)]
    assert [answer.status_code for answer in answers][:3] == [200] * 3
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(refused) >= 2
    assert 0 < int(refused[0]["Retry-After"]) <= 60
    # Another actor has a count of its own.
    assert client.get(LIST).status_code == 200


def test_guessing_tokens_is_slowed_down_by_address(settings, db):
    settings.SCRIPTAPPS = {"API_RATE_PER_MINUTE": 3}
    guesses = [Client().get(LIST, headers={"Authorization": f"Bearer sat_{n}.x"}).status_code for n in range(8)]
    assert guesses[:3] == [401] * 3
    assert 429 in guesses


def test_bodies_have_a_limit(program, settings, session):
    settings.SCRIPTAPPS = {"API_BODY_BYTES": 1_024}
    answer = post(program, ALL | {"state": {"text": "x" * 1_024}})
    assert answer.status_code == 413
    assert not SessionRequest.objects.exists()


def test_the_api_can_be_switched_off(program, settings):
    settings.SCRIPTAPPS = {"API_ENABLED": False}
    assert program.get(LIST).status_code == 404


# -- what --------------------------------------------------------------------------------------------------------------

NOT_A_SELECTION = [
    {},
    {"sessions": {}},
    {"sessions": None},
    {"sessions": []},
    {"sessions": "all"},
    {"sessions": {"all": False}},
    {"sessions": {"all": 1}},
    {"sessions": {"ids": []}},
    {"sessions": {"ids": ["not an id"]}},
    {"sessions": {"liveness": "live"}},
    {"sessions": {"scope": "tab"}},
    {"sessions": {"all": True, "user": "alice"}},
    {"sessions": {"user": ""}},
    {"sessions": {"users": "alice"}},
    {"sessions": {"user": "al\0ice"}},
    {"sessions": {"user": "alice", "liveness": "closed"}},
]


@pytest.mark.parametrize("body", NOT_A_SELECTION, ids=json.dumps)
def test_a_selection_that_says_nothing_is_not_everybody(program, session, body):
    answer = post(program, body, "/apps/api/sessions/close")
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["pointer"].startswith("/sessions")
    assert not SessionRequest.objects.exists()


@given(
    selection=strategies.dictionaries(strategies.sampled_from(["ids", "user", "script_app", "all"]), strategies.none())
)
def test_no_selection_without_a_value_passes(selection):
    assert problems_of(selection, SELECTION)


@pytest.mark.parametrize(
    "body",
    [
        b" ",
        b"{",
        b"\xff",
        b"[1]",
        b'{"sessions": {"all": true}, "values": {"a": NaN}}',
        b"[" * 100_000,
        b'{"sessions": {"all": true}, "state": {"": 1}}',
        b'{"sessions": {"all": true}, "wait": "yes"}',
        b'{"sessions": {"all": true}, "timeout": 31}',
        b'{"sessions": {"all": true}, "all": true}',
        b'{"sessions": {"user": "\\ud800"}}',
    ],
)
def test_bodies_that_cannot_be_read(program, session, body):
    answer = post(program, body)
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    assert not SessionRequest.objects.exists()


def test_typed_values_are_plain_ones_only(program, session):
    ok = {"$type": "tuple", "v": [1, {"$type": "decimal", "v": "1.50"}, {"$type": "dict", "v": [[1, 2]]}]}
    assert post(program, ALL | {"state": {"a": ok}}).status_code == 202
    stored = SessionRequest.objects.get().payload["state"]["a"]
    assert json.loads(stored) == ok
    forms = [
        {"$type": "model instance", "v": ["auth.user", "default", 1]},
        {"$type": "safe text", "v": "<script>"},
        {"$type": "dataclass", "v": [["scriptapps.audit", "X"], {}]},
        {"$type": "enum", "v": [["enum", "Enum"], "X"]},
        {"$type": "namedtuple", "v": [["a", "b"], []]},
        {"$type": "queryset", "v": ["auth.user", "default", [1]]},
        {"$type": "no such", "v": 1},
        {"$type": 1, "v": 1},
        {"$type": ["tuple"], "v": 1},
        {"$type": "date"},
        {"$type": "date", "v": "yesterday"},
        {"$type": "decimal", "v": []},
        {"$type": "set", "v": [[1]]},
        {"$type": "dict", "v": [[{"$type": "safe text", "v": "x"}, 1]]},
    ]
    for form in forms:
        for body in ({"state": {"a": [form]}}, {"values": {"a": {"deep": form}}}):
            answer = post(program, ALL | body)
            assert answer.status_code == 400, form
            assert answer.json()["errors"][0]["pointer"].endswith("/a")
    assert SessionRequest.objects.count() == 1


@given(
    strategies.recursive(
        strategies.none() | strategies.booleans() | strategies.integers() | strategies.text(),
        lambda inner: strategies.lists(inner) | strategies.dictionaries(strategies.text(), inner),
        max_leaves=10,
    )
)
def test_json_is_what_it_is(value):
    if "$type" in json.dumps(value):
        return
    assert value_from_json(value, "") == value
    encode_value(value_from_json(value, ""))


def test_deep_nesting_is_refused_and_does_not_break():
    value: Any = 1
    for _ in range(5_000):
        value = [value]
    with pytest.raises(Problem):
        value_from_json(value, "")


def test_parameters_that_do_not_fit(program):
    for query in ("limit=0", "limit=201", "limit=x", "cursor=1", "nothing=1", "liveness=dead", "limit=1&limit=2"):
        answer = program.get(f"{LIST}?{query}")
        assert answer.status_code == 400, query
        assert answer.json()["errors"][0]["pointer"].startswith("?")


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "POST", "HEAD", "OPTIONS", "TRACE"])
def test_other_methods_are_not_taken(program, method):
    answer = program.generic(method, LIST)
    assert (answer.status_code, answer["Allow"]) == (405, "GET")


# -- lists -------------------------------------------------------------------------------------------------------------


def test_pages_hold_everything_once_in_few_queries(program, session):
    made = {str(ScriptSession.objects.create(script_app=session.script_app, node="p").pk) for _ in range(9)}
    found: list[str] = []
    cursor = ""
    while True:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            page = program.get(f"{LIST}?limit=4{cursor and '&cursor=' + cursor}").json()
        assert len(queries) <= 4
        found += [row["id"] for row in page["sessions"]]
        if page["next"] is None:
            break
        cursor = page["next"]
    assert sorted(found) == found
    assert set(found) == made | {str(session.pk)}


def test_filters(program, session, alice):
    other = ScriptApp.objects.create(slug="stock")
    hers = ScriptSession.objects.create(script_app=other, node="p", user=alice, viewers=1)
    parked = ScriptSession.objects.create(script_app=other, scope="user")
    closed = ScriptSession.objects.create(script_app=other, state="closed")

    def found(query: str) -> set[str]:
        return {row["id"] for row in program.get(f"{LIST}?{query}").json()["sessions"]}

    def ids(*rows: ScriptSession) -> set[str]:
        return {str(row.pk) for row in rows}

    assert found("") == ids(session, hers)
    assert found("user=alice") == found("script_app=stock") == found("liveness=idle") == ids(hers)
    assert found("liveness=away") == ids(session)
    assert found("liveness=parked") == found("scope=user&liveness=open") == ids(parked)
    assert found("liveness=closed") == ids(closed)
    assert found("liveness=any") == ids(session, hers, parked, closed)
    assert found("liveness=gone") == found("user=nobody") == set()
    for row in program.get(f"{LIST}?liveness=any").json()["sessions"]:
        assert row["id"] in found(f"liveness={row['liveness']}")


@pytest.mark.parametrize("target", [uuid4(), "x", "a/b", "%00", "1" * 400])
def test_what_does_not_exist(program, target):
    for path in (f"{LIST}/{target}", f"/apps/api/requests/{target}"):
        answer = program.get(path)
        assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")


# -- how ---------------------------------------------------------------------------------------------------------------


def test_answers_are_never_kept_by_anybody(program):
    for answer in (program.get(LIST), program.get(f"{LIST}?x")):
        assert "no-store" in answer["Cache-Control"]
        assert answer["X-Content-Type-Options"] == "nosniff"


def test_no_view_is_inside_a_transaction_of_the_site():
    for pattern in urlpatterns():
        assert set(site_settings.DATABASES) <= vars(pattern.callback)["_non_atomic_requests"]


def test_a_refusal_is_on_record_without_what_was_sent(alice, session):
    client = Client()
    client.force_login(alice)
    assert post(client, ALL | {"values": {"region": "canary"}}).status_code == 403
    record = AuditRecord.objects.get()
    assert (record.actor_name, record.act, record.outcome) == ("alice", "rerun", "forbidden")
    assert "canary" not in str(vars(record))
