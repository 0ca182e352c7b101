"""The OpenAPI document and the code say the same, and neither falls over what a generator of requests thinks of."""

from __future__ import annotations

import json
from typing import Any

import pytest
import schemathesis
from django.contrib.auth.models import User
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from django.test import Client
from django.urls import get_resolver
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode

from scriptapps.api.checking import CHECKS, SAYS_NOTHING
from scriptapps.api.endpoints import ENDPOINTS
from scriptapps.api.openapi import statuses
from scriptapps.api.views import urlpatterns
from scriptapps.models import ApiToken, ScriptApp, ScriptSession, SessionRequest
from scriptapps.permissions import ACT_PERMISSIONS

pytestmark = pytest.mark.django_db

KEYWORDS_OF_ANSWERS = {"$ref"}


@pytest.fixture
def token(settings) -> str:
    """The text of a token for everything."""
    settings.SCRIPTAPPS = {"API_RATE_PER_MINUTE": 1_000_000, "API_WAIT_SECONDS": 0}
    token = ApiToken(
        name="everything",
        user=User.objects.create_superuser("root"),
        scopes=list(ACT_PERMISSIONS),
        every_script_app=True,
    )
    text = token.make_secret()
    token.save()
    return text


@pytest.fixture
def document(token) -> dict[str, Any]:
    """The document as a program gets it."""
    found: dict[str, Any] = Client().get("/apps/api/openapi.json", headers={"Authorization": f"Bearer {token}"}).json()
    return found


@pytest.fixture
def api(token) -> Any:
    """The document as the generator reads it, over a site in which there is something to find."""
    app = ScriptApp.objects.create(slug="orders")
    session = ScriptSession.objects.create(script_app=app, node="a process", user=User.objects.get())
    ScriptSession.objects.create(script_app=app, listens_to=["import"])
    SessionRequest.objects.create(session=session, kind="rerun", trigger="Python")
    headers = {"Authorization": f"Bearer {token}"}
    # As Django's own test client does: the test's transaction lasts longer than a request.
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield schemathesis.openapi.from_wsgi("/apps/api/openapi.json", get_wsgi_application(), headers=headers)
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.name.lower())
@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.name)
def test_nothing_that_the_document_allows_or_forbids_breaks_it(api, token, endpoint, mode):
    operation = api[endpoint.address][endpoint.method]

    @settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(generation_mode=mode))
    def each(case: Any) -> None:
        case.call_and_validate(headers={"Authorization": f"Bearer {token}"})

    try:
        each()
    except Unsatisfiable:
        # Nothing about the operation can be wrong: it takes no parameter and no body.
        takes_anything = bool(endpoint.params or endpoint.target or endpoint.body)
        assert (mode, takes_anything) == (GenerationMode.NEGATIVE, False)


def test_every_address_that_is_served_is_documented_and_the_other_way_round(document):
    documented = {
        (method.upper(), address): operation
        for address, methods in document["paths"].items()
        for method, operation in methods.items()
    }
    assert documented.keys() == {(endpoint.method, endpoint.address) for endpoint in ENDPOINTS}
    served = {"/" + str(pattern.pattern) for pattern in urlpatterns()}
    assert {endpoint.address for endpoint in ENDPOINTS} == {
        address.replace("<path:", "{").replace(">", "}") for address in served
    }
    names = get_resolver("scriptapps.urls").reverse_dict.keys()
    assert {f"api_{endpoint.name}" for endpoint in ENDPOINTS} <= set(names)


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.name)
def test_parameters_and_statuses_are_those_of_the_code(document, endpoint):
    operation = document["paths"][endpoint.address][endpoint.method.lower()]
    by_place: dict[str, set[str]] = {}
    for parameter in operation["parameters"]:
        by_place.setdefault(parameter["in"], set()).add(parameter["name"])
    assert by_place.get("query", set()) == set(endpoint.params)
    assert by_place.get("path", set()) == ({endpoint.target} if endpoint.target else set())
    assert ("requestBody" in operation) == (endpoint.body is not None) == ("header" in by_place)
    assert set(operation["responses"]) == {str(status) for status in statuses(endpoint)}
    assert endpoint.act == "" or endpoint.act in ACT_PERMISSIONS


def test_every_keyword_of_a_schema_that_is_checked_is_understood():
    known = CHECKS.keys() | SAYS_NOTHING

    def keywords(schema: Any) -> set[str]:
        found = set(schema)
        for inner in [*schema.get("properties", {}).values(), *schema.get("oneOf", []), *schema.get("anyOf", [])]:
            found |= keywords(inner)
        for name in ("items", "propertyNames", "additionalProperties"):
            if isinstance(schema.get(name), dict):
                found |= keywords(schema[name])
        return found

    for endpoint in ENDPOINTS:
        for checked in [*endpoint.params.values(), *([endpoint.body()] if endpoint.body else [])]:
            assert keywords(checked) <= known


def test_the_document_is_json_without_anything_of_python(document):
    assert json.loads(json.dumps(document)) == document
    assert document["openapi"].startswith("3.1")
    assert document["servers"] == [{"url": "/apps"}]
