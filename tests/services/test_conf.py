"""One settings dict: defaults, reload, derived values, and that the docs tell all of it."""

import re
from pathlib import Path

import pytest

from scriptapps.conf import DEFAULTS, OPTIONS, scriptapps_settings

DOCS = Path(__file__).resolve().parents[2] / "docs" / "settings.md"


def test_defaults_hold_without_a_dict(settings):
    del settings.SCRIPTAPPS
    assert scriptapps_settings.RUN_WORKERS == 8
    assert scriptapps_settings.DIRS == []
    assert not list(scriptapps_settings.problems())


def test_a_changed_setting_is_seen_at_once(settings):
    settings.SCRIPTAPPS = {"RUN_DEADLINE": 7}
    assert scriptapps_settings.RUN_DEADLINE == 7
    settings.SCRIPTAPPS = {"RUN_DEADLINE": 8}
    assert scriptapps_settings.RUN_DEADLINE == 8


@pytest.mark.parametrize("name", ["RUN_ON_SAVE", "SHOW_TRACEBACKS"])
def test_none_follows_debug(settings, name):
    settings.DEBUG = True
    assert getattr(scriptapps_settings, name) is True
    settings.DEBUG = False
    assert getattr(scriptapps_settings, name) is False
    settings.SCRIPTAPPS = {name: True}
    assert getattr(scriptapps_settings, name) is True


def test_login_url_falls_back_to_djangos(settings):
    settings.LOGIN_URL = "/enter/"
    assert scriptapps_settings.LOGIN_URL == "/enter/"
    settings.SCRIPTAPPS = {"LOGIN_URL": "/own/"}
    assert scriptapps_settings.LOGIN_URL == "/own/"


def test_dirs_become_paths(settings, tmp_path):
    settings.SCRIPTAPPS = {"DIRS": [str(tmp_path)]}
    assert list(scriptapps_settings.DIRS) == [tmp_path]


def test_an_unknown_attribute_is_an_error():
    with pytest.raises(AttributeError, match="NO_SUCH"):
        _ = scriptapps_settings.NO_SUCH


@pytest.mark.parametrize(
    ("given", "part"),
    [
        ({"RUN_DEADLIN": 3}, "not a setting"),
        ({"RUN_DEADLINE": "3"}, "must be int or float, not str"),
        ({"RUN_DEADLINE": True}, "not bool"),
        ({"RUN_WORKERS": 0}, "at least 1"),
        ({"RUN_WORKERS": 10_000}, "at most 256"),
        ({"PREHEAT": 1}, "must be bool"),
        ({"DIRS": "scripts"}, "must be list or tuple"),
        ({"DIRS": [3]}, "must hold paths"),
        ({"FRAME_ANCESTORS": [1]}, "must hold strings"),
        ({"DEFAULT_ACCESS": "groups"}, "one of"),
        ({"APPS": []}, "must be dict"),
        ({"APPS": {"orders": "staff"}}, "must be a dict"),
        ({"APPS": {"orders": {"acess": "staff"}}}, "unknown key"),
        ({"APPS": {"orders": {"title": 3}}}, "wrong type"),
        ({"APPS": {"orders": {"deadline": 0}}}, "above 0"),
        ({"APPS": {"orders": {"scope": "team"}}}, "must be one of tab, browser, user"),
        ([], "must be a dict"),
    ],
)
def test_what_is_wrong_is_named(settings, given, part):
    settings.SCRIPTAPPS = given
    problems = [problem for _, problem in scriptapps_settings.problems()]
    assert len(problems) == 1
    assert part in problems[0]


def test_a_mistyped_value_does_not_break_readers(settings):
    settings.SCRIPTAPPS = {"APPS": [], "DIRS": 3}
    assert scriptapps_settings.APPS == {}
    assert scriptapps_settings.DIRS == []


def test_defaults_are_within_their_own_ranges():
    assert not {
        name: option.problem(option.default) for name, option in OPTIONS.items() if option.problem(option.default)
    }


def documented() -> dict[str, str]:
    return dict(re.findall(r"^\| `([A-Z_]+)` \| `([^`]*)` \|", DOCS.read_text(), re.MULTILINE))


def test_every_setting_is_documented_with_its_default():
    assert documented() == {name: repr(default) for name, default in DEFAULTS.items()}
