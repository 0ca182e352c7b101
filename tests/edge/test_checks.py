"""Each system check, passing and failing."""

from types import SimpleNamespace

import pytest
from django.apps import apps
from django.core.checks import run_checks
from django.db import connections

from scriptapps import checks

FILES = {"BACKEND": "django.core.files.storage.FileSystemStorage"}
MEMORY = {"BACKEND": "django.core.files.storage.InMemoryStorage"}


def ids(messages) -> list[str]:
    assert all(message.hint for message in messages)
    return [message.id for message in messages]


@pytest.fixture
def deployed(settings):
    settings.DEBUG = False
    return settings


def database(engine: str, **options) -> SimpleNamespace:
    return SimpleNamespace(DATABASES={"default": {"ENGINE": f"django.db.backends.{engine}", "OPTIONS": options}})


def test_the_demo_site_has_no_findings():
    assert [message for message in run_checks() if str(message.id).startswith("scriptapps.")] == []


def test_uploaded_files_are_not_shown_to_everybody(settings, tmp_path):
    assert ids(checks.check_upload_storage()) == []
    settings.MEDIA_ROOT = tmp_path
    settings.SCRIPTAPPS = {"UPLOAD_ROOT": tmp_path / "uploads"}
    assert ids(checks.check_upload_storage()) == ["scriptapps.E009"]
    settings.SCRIPTAPPS = {"UPLOAD_ROOT": tmp_path.with_name(f"{tmp_path.name}-beside")}
    assert ids(checks.check_upload_storage()) == []
    # Its location is MEDIA_ROOT unless it is given.
    settings.STORAGES = settings.STORAGES | {"scriptapps": FILES}
    assert ids(checks.check_upload_storage()) == ["scriptapps.E009"]
    settings.STORAGES = settings.STORAGES | {"scriptapps": MEMORY}
    assert ids(checks.check_upload_storage()) == []


def test_only_postgresql_can_be_listened_to(settings, monkeypatch):
    settings.SCRIPTAPPS = {"LISTEN_DATABASES": ["default", "elsewhere"]}
    monkeypatch.setattr(connections["default"], "vendor", "sqlite")
    assert ids(checks.check_listening()) == ["scriptapps.E010"] * 2
    monkeypatch.setattr(connections["default"], "vendor", "postgresql")
    assert ids(checks.check_listening()) == ["scriptapps.E010"]


def test_uploaded_files_of_several_hosts(deployed):
    assert ids(checks.check_deployed_uploads()) == ["scriptapps.W012"]
    deployed.STORAGES = deployed.STORAGES | {"scriptapps": MEMORY}
    assert ids(checks.check_deployed_uploads()) == []


def test_settings(settings):
    assert ids(checks.check_settings()) == []
    settings.SCRIPTAPPS = {"RUN_DEADLIN": 3, "RUN_WORKERS": 0}
    assert ids(checks.check_settings()) == ["scriptapps.E001"] * 2
    settings.SCRIPTAPPS = 3
    assert ids(checks.check_settings()) == ["scriptapps.E001"]


def test_wrong_settings_break_no_other_check(settings):
    settings.SCRIPTAPPS = {"DIRS": 3, "APPS": {"orders": "staff"}}
    assert "scriptapps.E001" in ids([m for m in run_checks() if str(m.id).startswith("scriptapps.")])


def test_asgi(settings, monkeypatch):
    settings.DEBUG = True
    assert ids(checks.check_asgi()) == []
    settings.ASGI_APPLICATION = None
    assert ids(checks.check_asgi()) == ["scriptapps.E002"]


@pytest.mark.parametrize(
    ("order", "debug", "found"),
    [
        (["daphne", "django.contrib.staticfiles"], True, []),
        (["django.contrib.staticfiles", "daphne"], True, ["scriptapps.E003"]),
        (["django.contrib.staticfiles"], True, ["scriptapps.W001"]),
        (["django.contrib.staticfiles"], False, []),
        (["daphne"], True, []),
    ],
)
def test_daphne(settings, monkeypatch, order, debug, found):
    settings.DEBUG = debug
    configs = [apps.get_app_config(name.rpartition(".")[2]) for name in order]
    monkeypatch.setattr(apps, "get_app_configs", lambda: configs)
    assert ids(checks.check_asgi()) == found


@pytest.mark.parametrize(
    ("middleware", "found"),
    [
        ([checks.SESSION_MIDDLEWARE, checks.AUTH_MIDDLEWARE], []),
        ([checks.AUTH_MIDDLEWARE], ["scriptapps.E004"]),
        ([checks.SESSION_MIDDLEWARE], ["scriptapps.E005"]),
        ([], ["scriptapps.E004", "scriptapps.E005"]),
        ([checks.AUTH_MIDDLEWARE, checks.SESSION_MIDDLEWARE], ["scriptapps.E006"]),
    ],
)
def test_middleware(settings, middleware, found):
    settings.MIDDLEWARE = middleware
    assert ids(checks.check_middleware()) == found


def test_folders(folder, settings, tmp_path, monkeypatch):
    assert ids(checks.check_folders()) == []
    settings.SCRIPTAPPS = {"DIRS": [folder.path, tmp_path / "nothing"]}
    assert ids(checks.check_folders()) == ["scriptapps.W002"]
    settings.SCRIPTAPPS = {"DIRS": []}
    folder.write("__init__.py")
    monkeypatch.setattr(apps.get_app_config("shop"), "path", str(tmp_path))
    assert ids(checks.check_folders()) == ["scriptapps.W003"]
    settings.SCRIPTAPPS = {"DIRS": [folder.path]}
    assert ids(checks.check_folders()) == []


def test_scripts(folder, settings, tmp_path):
    second = tmp_path / "second"
    second.mkdir()
    settings.SCRIPTAPPS = {"DIRS": [folder.path, second]}
    folder.write("orders.py")
    folder.write("_money.py")
    folder.write("parts/inner.py")
    folder.write("__init__.py")
    (second / "__init__.py").write_text("")
    assert ids(checks.check_scripts()) == []
    (second / "orders.py").write_text("")
    assert ids(checks.check_scripts()) == ["scriptapps.W004"]
    (second / "orders.py").rename(second / "_money.py")
    assert ids(checks.check_scripts()) == ["scriptapps.W005"]
    (second / "_money.py").rename(second / "parts.py")
    assert ids(checks.check_scripts()) == []
    (second / "parts.py").rename(second / "my script.py")
    assert ids(checks.check_scripts()) == ["scriptapps.W006"]


def test_access_in_scripts(folder):
    folder.write("orders.py", "# access: permission shop.view_order\n# deadline: 3\n")
    folder.write("own.py", "# access: permission scriptapps.rerun_scriptsession\n")
    assert ids(checks.check_access()) == []
    folder.write("orders.py", "# access: permission shop.view_oder\n")
    assert ids(checks.check_access()) == ["scriptapps.W008"]
    folder.write("orders.py", "# access: pubic\n")
    assert ids(checks.check_access()) == ["scriptapps.E007"]
    folder.write("orders.py", "# acess: staff\n# deadline: soon\n# scope: team\n")
    assert ids(checks.check_access()) == ["scriptapps.W007"] * 3


def test_access_in_settings(folder, settings):
    def found(**entry):
        settings.SCRIPTAPPS = {"DIRS": [folder.path], "APPS": {"orders": entry}}
        return ids(checks.check_access())

    assert found(access="permission", permission="shop.view_order") == []
    assert found(access="permission", permission="shop.view_oder") == ["scriptapps.W008"]
    assert found(access="permission") == ["scriptapps.E007"]


@pytest.mark.parametrize(
    ("version", "config", "found"),
    [
        ((7, 4, 1), {}, []),
        (None, {}, []),
        ((8, 0, 0), {}, ["scriptapps.E008"]),
        ((8, 0, 0), {"hosts": ["redis://localhost"]}, ["scriptapps.E008"]),
        ((8, 0, 0), {"hosts": [{"address": "redis://localhost", "socket_timeout": 5}]}, ["scriptapps.E008"]),
        ((8, 0, 0), {"hosts": [{"address": "redis://localhost", "socket_timeout": 30}]}, []),
        ((8, 0, 0), {"hosts": [{"address": "redis://localhost", "socket_timeout": None}]}, []),
    ],
)
def test_redis(settings, monkeypatch, version, config, found):
    monkeypatch.setattr(checks, "redis_version", lambda: version)
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": checks.REDIS_LAYERS[0], "CONFIG": config}}
    assert ids(checks.check_redis()) == found


def test_redis_says_its_version():
    version = checks.redis_version()
    assert version is None or version[0] >= 5


def test_the_layer_of_a_deployed_site(deployed):
    deployed.CHANNEL_LAYERS = {"default": {"BACKEND": checks.REDIS_LAYERS[0]}}
    assert ids(checks.check_deployed_layer()) == []
    deployed.CHANNEL_LAYERS = {"default": {"BACKEND": checks.IN_MEMORY_LAYER}}
    assert ids(checks.check_deployed_layer()) == ["scriptapps.W009"]
    deployed.DEBUG = True
    assert ids(checks.check_deployed_layer()) == []


def test_sqlite_of_a_deployed_site(monkeypatch):
    def found(engine, **options):
        monkeypatch.setattr(checks, "settings", database(engine, **options))
        return ids(checks.check_deployed_sqlite())

    good = {"init_command": "PRAGMA journal_mode=WAL;", "transaction_mode": "IMMEDIATE", "timeout": 20}
    assert found("sqlite3", **good) == []
    assert found("postgresql") == []
    for key, value in [("init_command", ""), ("transaction_mode", None), ("timeout", 5)]:
        assert found("sqlite3", **{**good, key: value}) == ["scriptapps.W010"]


def test_sessions_of_a_deployed_site(settings):
    assert ids(checks.check_deployed_sessions()) == []
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
    assert ids(checks.check_deployed_sessions()) == ["scriptapps.W011"]
