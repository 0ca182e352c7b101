"""Script apps are found like templates, and only by listed names."""

import os

import pytest
from django.contrib.auth.models import Group

from scriptapps.access import NOBODY, PUBLIC, SIGNED_IN, STAFF, AccessRule
from scriptapps.errors import ScriptCompileError
from scriptapps.models import ScriptApp
from scriptapps.registry import ScriptRegistry, ScriptSource, prettified, registry
from scriptapps.scope import Scope


def found(slug: str) -> ScriptSource:
    source = registry.find(slug)
    assert source is not None
    return source


def test_a_dropped_file_is_found_at_once_and_a_removed_one_is_not(folder):
    assert registry.find("orders") is None
    path = folder.write("orders.py", "# title: Orders\n")
    source = registry.find("orders")
    assert source is not None
    assert (source.title, source.path, source.root) == ("Orders", path.resolve(), folder.path.resolve())
    path.unlink()
    assert registry.find("orders") is None


def test_a_changed_header_is_read_again(folder):
    folder.write("orders.py", "# title: Orders\n")
    assert found("orders").title == "Orders"
    folder.write("orders.py", "# title: All orders\n")
    assert found("orders").title == "All orders"


def test_helpers_and_odd_names_are_no_script_apps(folder):
    for name in ["_money.py", ".hidden.py", "__init__.py", "notes.txt", "my script.py", "-x.py", "a" * 65 + ".py"]:
        folder.write(name)
    folder.write("parts/inner.py")
    folder.write("a" * 64 + ".py")
    folder.write("Ok-1_x.py")
    assert [source.slug for source in registry.all()] == ["Ok-1_x", "a" * 64]


@pytest.mark.parametrize(
    "slug", ["..", "../secret", "parts/inner", "/etc/passwd", "orders.py", "", "orders\0", "ORDERS"]
)
def test_a_slug_is_never_a_path(folder, slug):
    folder.write("orders.py")
    folder.write("parts/inner.py")
    folder.write("../secret.py")
    assert registry.find(slug) is None


def test_links_may_not_lead_out(folder, tmp_path):
    outside = tmp_path / "outside.py"
    outside.write_text("# title: Outside\n")
    (folder.path / "out.py").symlink_to(outside)
    (folder.path / "broken.py").symlink_to(tmp_path / "nothing.py")
    (folder.path / "circle.py").symlink_to(folder.path / "circle.py")
    folder.write("real.py")
    (folder.path / "inside.py").symlink_to(folder.path / "real.py")
    assert [source.slug for source in registry.all()] == ["inside", "real"]


def test_the_folder_itself_may_be_a_link(folder, tmp_path, settings):
    folder.write("orders.py")
    (tmp_path / "current").symlink_to(folder.path)
    settings.SCRIPTAPPS = {"DIRS": [tmp_path / "current"]}
    assert found("orders").root == folder.path.resolve()


def test_the_first_folder_wins(folder, tmp_path, settings):
    second = tmp_path / "second"
    second.mkdir()
    (second / "orders.py").write_text("# title: Second\n")
    (second / "other.py").write_text("")
    folder.write("orders.py", "# title: First\n")
    settings.SCRIPTAPPS = {"DIRS": [folder.path, second]}
    assert found("orders").title == "First"
    assert [source.slug for source in registry.all()] == ["orders", "other"]


def test_folders_of_installed_apps_unless_they_are_packages(folder, tmp_path, monkeypatch):
    from django.apps import apps

    app_folder = tmp_path / "shop" / "scripts"
    app_folder.mkdir(parents=True)
    (app_folder / "stock.py").write_text("")
    monkeypatch.setattr(apps.get_app_config("shop"), "path", str(tmp_path / "shop"))
    assert registry.find("stock") is not None
    (app_folder / "__init__.py").write_text("")
    assert registry.find("stock") is None


def test_an_unreadable_folder_is_an_empty_one(folder, settings):
    settings.SCRIPTAPPS = {"DIRS": [folder.path / "nothing"]}
    assert registry.roots() == []
    assert registry.all() == []


def test_scripts_are_compiled_once_per_version(folder):
    own = ScriptRegistry()
    path = folder.write("orders.py", "x = 1\n")
    first = own.compile("orders")
    assert own.compile("orders") is first
    path.write_text("x = 22\n")
    second = own.compile("orders")
    assert second is not first
    # Replaced atomically, with the same size and time: another inode.
    status = path.stat()
    fresh = folder.path / "fresh.tmp"
    fresh.write_text("x = 33\n")
    os.utime(fresh, ns=(status.st_atime_ns, status.st_mtime_ns))
    fresh.replace(path)
    assert own.compile("orders") is not second


def test_a_file_in_an_earlier_folder_takes_the_place_of_a_compiled_one(folder, settings, tmp_path):
    own = ScriptRegistry()
    first = tmp_path / "first"
    settings.SCRIPTAPPS = {"DIRS": [first, folder.path]}
    later = folder.write("orders.py", "x = 'later'\n")
    assert own.compile("orders").path == later.resolve()
    first.mkdir()
    (first / "orders.py").write_text("x = 'first'\n")
    assert own.compile("orders").source == "x = 'first'\n"
    settings.SCRIPTAPPS = {"DIRS": [folder.path]}
    assert own.compile("orders").source == "x = 'later'\n"


def test_a_syntax_error_is_told_and_its_repair_is_seen(folder):
    own = ScriptRegistry()
    folder.write("orders.py", "x = (\n")
    with pytest.raises(ScriptCompileError):
        own.compile("orders")
    folder.write("orders.py", "x = ()\n")
    assert own.compile("orders")


def test_compiling_what_is_not_there(folder):
    with pytest.raises(LookupError):
        registry.compile("nothing")


@pytest.mark.django_db
def test_the_row_is_made_once_and_follows_the_file(folder, settings, tmp_path):
    folder.write("orders.py")
    row = registry.script_app(found("orders"))
    assert registry.script_app(found("orders")).pk == row.pk
    ScriptApp.objects.update(source_path="elsewhere", title="By staff")
    row = registry.script_app(found("orders"))
    assert row.source_path.endswith("scripts/orders.py")
    assert row.title == "By staff"
    settings.BASE_DIR = tmp_path
    assert registry.script_app(found("orders")).source_path == "scripts/orders.py"


@pytest.mark.django_db
def test_make_rows_makes_the_missing_ones(folder, django_assert_num_queries):
    for name in ["a.py", "b.py", "c.py"]:
        folder.write(name)
    registry.script_app(found("b"))
    registry.make_rows()
    assert list(ScriptApp.objects.values_list("slug", flat=True)) == ["a", "b", "c"]
    with django_assert_num_queries(1):
        registry.make_rows()


def test_effective_without_any_word(folder):
    folder.write("orders_by-day.py")
    effective = registry.effective(found("orders_by-day"))
    assert effective.title == "Orders by day"
    assert effective.access == SIGNED_IN
    assert effective.deadline == 300
    assert effective.enabled


@pytest.mark.django_db
def test_row_over_settings_over_header(folder, settings):
    folder.write("orders.py", "# title: Header\n# access: staff\n# deadline: 10\n")
    source = found("orders")
    row = registry.script_app(source)
    assert registry.effective(source, row).access == STAFF
    settings.SCRIPTAPPS = {
        "DIRS": [folder.path],
        "APPS": {"orders": {"title": "Settings", "access": "groups", "groups": ["sales"], "deadline": 20}},
    }
    effective = registry.effective(source, row)
    assert (effective.title, effective.deadline) == ("Settings", 20)
    assert effective.access == AccessRule.for_groups(["sales"])
    row.title, row.access, row.deadline_seconds, row.enabled = "Row", "public", 30, False
    effective = registry.effective(source, row)
    assert (effective.title, effective.access, effective.deadline, effective.enabled) == ("Row", PUBLIC, 30, False)


@pytest.mark.django_db
def test_who_shares_a_session_follows_the_same_order(folder, settings):
    folder.write("orders.py")
    source = found("orders")
    row = registry.script_app(source)
    assert registry.effective(source, row).scope is Scope.TAB
    folder.write("orders.py", "# scope: browser\n")
    source = found("orders")
    assert registry.effective(source, row).scope is Scope.BROWSER
    settings.SCRIPTAPPS = {"DIRS": [folder.path], "APPS": {"orders": {"scope": "user"}}}
    assert registry.effective(source, row).scope is Scope.USER
    row.scope = "tab"
    assert registry.effective(source, row).scope is Scope.TAB
    # Nobody shares by mistake.
    row.scope = "nonsense"
    assert registry.effective(source, row).scope is Scope.TAB


@pytest.mark.django_db
def test_half_filled_rows_let_nobody_in(folder):
    folder.write("orders.py", "# access: public\n")
    source = found("orders")
    row = registry.script_app(source)
    for access in ["permission", "groups", "nonsense"]:
        row.access = access
        assert registry.effective(source, row).access == NOBODY
    row.access = "groups"
    row.groups.add(Group.objects.create(name="sales"))
    assert registry.effective(source, row).access == AccessRule.for_groups(["sales"])


@pytest.mark.parametrize(
    ("given", "rule"),
    [
        ({"access": "permission", "permission": "shop.view_order"}, AccessRule.for_permission("shop.view_order")),
        ({"permission": "shop.view_order"}, AccessRule.for_permission("shop.view_order")),
        ({"access": "permission shop.view_order"}, AccessRule.for_permission("shop.view_order")),
        ({"access": "groups sales, support"}, AccessRule.for_groups(["sales", "support"])),
        ({"groups": ["sales"]}, AccessRule.for_groups(["sales"])),
        ({"access": "signed-in"}, SIGNED_IN),
        ({"access": "signed_in"}, SIGNED_IN),
        ({"access": "pubic"}, NOBODY),
        ({"access": "permission"}, NOBODY),
        ({"access": "groups"}, NOBODY),
        ({"title": "Only a title"}, STAFF),
    ],
)
def test_rules_in_settings(folder, settings, given, rule):
    folder.write("orders.py", "# access: staff\n")
    settings.SCRIPTAPPS = {"DIRS": [folder.path], "APPS": {"orders": given}}
    assert registry.effective(found("orders")).access == rule


def test_the_default_rule_is_a_setting(folder, settings):
    folder.write("orders.py")
    settings.SCRIPTAPPS = {"DIRS": [folder.path], "DEFAULT_ACCESS": "staff"}
    assert registry.effective(found("orders")).access == STAFF


def test_prettified():
    assert prettified("orders__by-day") == "Orders by day"
