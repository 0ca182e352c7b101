"""The management commands: what they print, and that they do what they say."""

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from scriptapps.management.commands import scriptapps_triggers
from scriptapps.models import ScriptApp, ScriptSession
from scriptapps.sweep import SweepReport

pytestmark = pytest.mark.django_db


@pytest.fixture
def forgotten() -> ScriptSession:
    long_ago = timezone.now() - timedelta(days=3)
    row = ScriptApp.objects.create(slug="orders")
    return ScriptSession.objects.create(
        script_app=row, node="", last_seen=long_ago, beat=long_ago, state_keys=2, state_bytes=2048
    )


def run(*arguments: str, **options) -> str:
    output = StringIO()
    call_command("scriptapps_sweep", *arguments, stdout=output, no_color=True, **options)
    return output.getvalue()


def test_sweeping(forgotten):
    assert run().splitlines() == [
        "Sessions that nobody came back to, closed: 1",
        "Idle sessions whose process was asked to close them: 0",
        "Closed sessions whose stored values were removed: 1 (2.0\xa0KB)",
        "Uploaded files that nobody needs any more, removed: 0 (0\xa0bytes)",
        "Rows of closed sessions removed: 0",
        "Rows of requests that ended long ago removed: 0",
        "Audit records removed after their time: 0",
        "Stored answers of the HTTP API removed: 0",
        "Rows of server processes that are gone removed: 0",
    ]
    forgotten.refresh_from_db()
    assert (forgotten.state, forgotten.state_keys) == ("closed", 0)


def test_a_dry_run(forgotten):
    lines = run("--dry-run").splitlines()
    assert lines[:2] == ["Dry run: nothing is changed.", "Sessions that nobody came back to, closed: 1"]
    forgotten.refresh_from_db()
    assert (forgotten.state, forgotten.state_keys) == ("idle", 2)


def test_json_for_other_programs(forgotten):
    nothing = dict.fromkeys(SweepReport().as_dict(), 0)
    counts = nothing | {"closed": 1, "emptied": 1, "bytes": 2048}
    assert json.loads(run("--json", "--dry-run")) == {"dry_run": True, **counts}
    assert json.loads(run("--json")) == {"dry_run": False, **counts}
    assert json.loads(run("--json")) == {"dry_run": False, **nothing}


def test_silence(forgotten):
    assert run(verbosity=0) == ""
    forgotten.refresh_from_db()
    assert forgotten.state == "closed"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["install", "shop.Order"], "no PostgreSQL database"),
        (["list", "--database", "elsewhere"], "no database 'elsewhere'"),
    ],
)
def test_triggers_only_where_there_can_be_some(arguments, message):
    with pytest.raises(CommandError, match=message):
        call_command("scriptapps_triggers", *arguments)


@pytest.mark.parametrize(
    ("name", "tables"),
    [
        ("shop.Order", ["shop_order"]),
        ("shop", ["shop_customer", "shop_product", "shop_order", "shop_orderline"]),
        ("project.shop", ["shop_customer", "shop_product", "shop_order", "shop_orderline"]),
        ("some_table", ["some_table"]),
    ],
)
def test_triggers_for_an_app_a_model_or_a_table(name, tables):
    assert list(scriptapps_triggers.named_tables(name)) == tables


def test_triggers_for_a_model_that_does_not_exist():
    with pytest.raises(CommandError, match="Ordr"):
        list(scriptapps_triggers.named_tables("shop.Ordr"))
