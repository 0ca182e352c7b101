"""Each check of settings that do not fit together, and of deployed sites, passing and failing."""

import inspect
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.core.checks import run_checks
from google.protobuf.internal import api_implementation

from scriptapps import checks, deployed_checks, setting_checks

ROOT = Path(__file__).resolve().parents[2]
OWN = [checks, setting_checks, deployed_checks]


def ids(messages) -> list[str]:
    assert all(message.hint for message in messages)
    return [message.id.removeprefix("scriptapps.") for message in messages]


@pytest.fixture
def given(settings):
    """Sets keys of SCRIPTAPPS on a deployed site."""
    settings.DEBUG = False

    def give(**keys) -> None:
        settings.SCRIPTAPPS = keys

    return give


def test_state_store(given):
    assert ids(setting_checks.check_state_store()) == []
    for path in ("scriptapps.store.NoStateStore", "nowhere.Store", "nothing", "scriptapps.store.write_alias"):
        given(STATE_STORE={"BACKEND": path})
        assert ids(setting_checks.check_state_store()) == ["E011"]


def test_leases(given):
    given(LEASE_SECONDS=10, BEAT_SECONDS=5)
    assert ids(setting_checks.check_leases()) == []
    given(LEASE_SECONDS=9, BEAT_SECONDS=5)
    assert ids(setting_checks.check_leases()) == ["W028"]


def test_script_places(folder, settings, tmp_path):
    assert ids(setting_checks.check_script_places()) == []
    settings.MEDIA_ROOT = tmp_path
    assert ids(setting_checks.check_script_places()) == ["E012"]
    settings.MEDIA_ROOT, settings.STATIC_ROOT = "", str(folder.path)
    assert ids(setting_checks.check_script_places()) == ["E012"]
    settings.STATIC_ROOT = tmp_path.with_name("elsewhere")
    assert ids(setting_checks.check_script_places()) == []


def test_metrics(given):
    for access, token in [("staff", None), ("off", None), ("token", "x" * 20)]:
        given(METRICS_ACCESS=access, METRICS_TOKEN=token)
        assert ids(setting_checks.check_metrics()) == []
        assert ids(deployed_checks.check_metrics_token()) == []
    for token in (None, ""):
        given(METRICS_ACCESS="token", METRICS_TOKEN=token)
        assert ids(setting_checks.check_metrics()) == ["E013"]
    given(METRICS_ACCESS="token", METRICS_TOKEN="short")
    assert ids(deployed_checks.check_metrics_token()) == ["W027"]


def test_addresses(settings):
    assert ids(setting_checks.check_addresses()) == []
    settings.ROOT_URLCONF = "tests.edge.test_more_checks"
    assert ids(setting_checks.check_addresses()) == ["W013"]


urlpatterns: list = []


@pytest.mark.parametrize(
    ("one", "whole", "size"),
    [
        ("STATE_VALUE_BYTES", "STATE_SESSION_BYTES", 2_000_000),
        ("UPLOAD_MAX_BYTES", "UPLOAD_SESSION_BYTES", 2_000_000),
        ("UPLOAD_SESSION_BYTES", "UPLOAD_TOTAL_BYTES", 1_000_000_000),
        ("SOCKETS_PER_USER", "SOCKETS_TOTAL", 500),
        ("SOCKETS_PER_ADDRESS", "SOCKETS_TOTAL", 500),
    ],
)
def test_limits(given, one, whole, size):
    given(**{one: size, whole: size})
    assert ids(setting_checks.check_limits()) == []
    given(**{one: size + 1, whole: size})
    assert ids(setting_checks.check_limits()) == ["W014"]


def test_limits_of_script_apps(folder, settings):
    folder.write("page.py", "# memory: 200 MB\n# sessions per user: 3\n")
    own = settings.SCRIPTAPPS
    settings.SCRIPTAPPS = {**own, "MEMORY_WATERMARK_MB": 200, "SOCKETS_PER_USER": 3}
    assert ids(setting_checks.check_app_limits()) == []
    settings.SCRIPTAPPS = {**own, "MEMORY_WATERMARK_MB": 199, "SOCKETS_PER_USER": 2}
    assert ids(setting_checks.check_app_limits()) == ["W029", "W029"]
    settings.SCRIPTAPPS = {**settings.SCRIPTAPPS, "APPS": {"page": {"memory": 100, "sessions_per_user": 1}}}
    assert ids(setting_checks.check_app_limits()) == []


@pytest.mark.parametrize("key", ["memory", "sessions_per_user", "deadline"])
def test_settings_of_single_script_apps(given, key):
    given(APPS={"page": {key: 1, "order": -1, "category": "Sales"}})
    assert checks.check_settings() == []
    given(APPS={"page": {key: 0}})
    [error] = checks.check_settings()
    assert f"[{key!r}] must be above 0" in error.msg


def test_databases(monkeypatch):
    def found(check, **database):
        site = SimpleNamespace(DEBUG=False, DATABASES={"default": {"ENGINE": setting_checks.SQLITE, **database}})
        monkeypatch.setattr(setting_checks, "settings", site)
        monkeypatch.setattr(deployed_checks, "settings", site)
        return ids(check())

    assert found(setting_checks.check_memory_database, NAME=Path("db.sqlite3")) == []
    assert found(setting_checks.check_memory_database, NAME="", ENGINE="django.db.backends.postgresql") == []
    assert found(setting_checks.check_memory_database, NAME=":memory:") == ["W015"]
    assert found(deployed_checks.check_connections) == found(deployed_checks.check_connections, CONN_MAX_AGE=0) == []
    assert found(deployed_checks.check_connections, CONN_MAX_AGE=60) == ["W017"]
    assert found(deployed_checks.check_connections, CONN_MAX_AGE=None) == ["W017"]


def test_hosts(given, settings):
    settings.ALLOWED_HOSTS = ["example.org"]
    assert ids(deployed_checks.check_hosts()) == []
    settings.ALLOWED_HOSTS = ["example.org", "*"]
    assert ids(deployed_checks.check_hosts()) == ["W016"]


def test_cached_state(given, settings):
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    given()
    assert ids(deployed_checks.check_cached_state()) == []
    given(STATE_STORE={"BACKEND": deployed_checks.CACHE_STORE})
    assert ids(deployed_checks.check_cached_state()) == ["W018"]
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://x"}}
    assert ids(deployed_checks.check_cached_state()) == []


def test_cookies(given, settings):
    for value, found in [("Lax", []), ("Strict", []), ("None", ["W019"]), (False, ["W019"]), (None, ["W019"])]:
        settings.SESSION_COOKIE_SAMESITE = value
        assert ids(deployed_checks.check_cookies()) == found


@pytest.mark.parametrize(
    ("daphne", "asgiref", "found"),
    [
        ("4.2.2", "3.12.0", []),
        ("", "3.13.1", []),
        ("4.2.1", "3.12.0", ["W020"]),
        ("5.0", "3.9.2", ["W020"]),
        ("4.1.2", "3.11.0", ["W020"] * 2),
    ],
)
def test_versions(monkeypatch, daphne, asgiref, found):
    monkeypatch.setattr(deployed_checks, "version_of", {"daphne": daphne, "asgiref": asgiref}.get)
    assert ids(deployed_checks.check_versions()) == found


def test_versions_are_found():
    assert re.match(r"\d+\.\d+", deployed_checks.version_of("asgiref"))
    assert deployed_checks.version_of("no-such-package-here") == ""


def test_protobuf(given, monkeypatch):
    for kind, found in [("upb", []), ("cpp", []), ("python", ["W021"])]:
        monkeypatch.setattr(api_implementation, "Type", lambda kind=kind: kind)
        assert ids(deployed_checks.check_protobuf()) == found


@pytest.mark.parametrize(
    ("keys", "found"),
    [
        ({}, []),
        ({"SHOW_TRACEBACKS": True}, ["W022"]),
        ({"RUN_ON_SAVE": True}, ["W023"]),
        ({"FRAME_ANCESTORS": ["'self'", "https://example.org"]}, []),
        ({"FRAME_ANCESTORS": ["https:"]}, ["W024"]),
        ({"FRAME_ANCESTORS": ["*"]}, ["W024"]),
        ({"DEFAULT_ACCESS": "staff"}, []),
        ({"DEFAULT_ACCESS": "public"}, ["W025"]),
    ],
)
def test_openness(given, settings, keys, found):
    given(**keys)
    assert ids(deployed_checks.check_openness()) == found
    settings.DEBUG = True
    assert ids(deployed_checks.check_openness()) == []


def test_writable(given, tmp_path):
    scripts, uploads = tmp_path / "scripts", tmp_path / "uploads"
    for path in (scripts, uploads):
        path.mkdir(mode=0o755)
    given(DIRS=[scripts], UPLOAD_ROOT=uploads)
    assert ids(deployed_checks.check_writable()) == []
    scripts.chmod(0o777)
    assert ids(deployed_checks.check_writable()) == ["W026"]
    uploads.chmod(0o777)
    assert ids(deployed_checks.check_writable()) == ["W026"] * 2


def test_they_are_asked(given, settings):
    given(LEASE_SECONDS=1, DEFAULT_ACCESS="public")
    assert {"W028", "W025"} <= {
        str(m.id).removeprefix("scriptapps.") for m in run_checks(include_deployment_checks=True)
    }
    assert "scriptapps.W025" not in {m.id for m in run_checks()}


def test_the_documentation_lists_each_id_once():
    named = {word for module in OWN for word in re.findall(r"\b[EW]\d{3}\b", inspect.getsource(module))}
    table = (ROOT / "docs" / "deployment.md").read_text().partition("| id | finds | |")[2].partition("\n\n")[0]
    listed = re.findall(r"^\| ([EW]\d{3}) \|", table, re.MULTILINE)
    assert listed == sorted(named)
