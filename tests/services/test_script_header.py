"""What a script declares in its first comment lines."""

import pytest

from scriptapps.access import NOBODY, PUBLIC, SIGNED_IN, STAFF, AccessRule, AccessRuleError
from scriptapps.scope import Scope
from scriptapps.script_header import parse_header


def test_all_declarations():
    header = parse_header(
        b"#!/usr/bin/env python\n# -*- coding: utf-8 -*-\n\n# title: Orders dashboard\n"
        b"# Access: permission shop.view_order\n#  deadline: 60\n# description: What came in.\nimport os\n"
    )
    assert header.title == "Orders dashboard"
    assert header.access == AccessRule.for_permission("shop.view_order")
    assert header.deadline == 60
    assert header.description == "What came in."
    assert header.problems == ()


def test_code_ends_the_header():
    header = parse_header(b"# title: One\nx = 1\n# access: public\n")
    assert header.title == "One"
    assert header.access is None


def test_an_empty_script_declares_nothing():
    assert parse_header(b"") == parse_header(b"import os\n")
    assert parse_header(b"").access is None


def test_other_encodings_and_a_byte_order_mark():
    assert parse_header("# title: Aufträge".encode("utf-8-sig")).title == "Aufträge"
    assert parse_header("# -*- coding: latin-1 -*-\n# title: Aufträge\n".encode("latin-1")).title == "Aufträge"
    assert parse_header(b"# -*- coding: no-such -*-\n# title: x\xff\n").title.startswith("x")


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("public", PUBLIC),
        ("signed-in", SIGNED_IN),
        ("signed_in", SIGNED_IN),
        ("Staff", STAFF),
        ("permission shop.view_order", AccessRule.for_permission("shop.view_order")),
        ("groups sales,  support team", AccessRule.for_groups(["sales", "support team"])),
    ],
)
def test_access_rules(text, rule):
    assert AccessRule.parse(text) == rule
    assert AccessRule.parse(str(rule)) == rule


@pytest.mark.parametrize(
    "text", ["", "pubic", "everybody", "public please", "permission", "permission view_order", "groups", "groups ,"]
)
def test_a_rule_that_cannot_be_understood_lets_nobody_in(text):
    with pytest.raises(AccessRuleError):
        AccessRule.parse(text)
    header = parse_header(f"# access: {text}\n".encode())
    assert header.access == NOBODY
    assert len(header.problems) == 1


def test_a_mistyped_key_is_reported():
    header = parse_header(b"# acess: staff\n# note: nothing\n")
    assert header.access is None
    assert len(header.problems) == 1
    assert "access" in header.problems[0]


@pytest.mark.parametrize("text", ["soon", "0", "-3", "1e9", "nan"])
def test_a_useless_deadline_is_reported(text):
    header = parse_header(f"# deadline: {text}\n".encode())
    assert header.deadline is None
    assert len(header.problems) == 1


@pytest.mark.parametrize("scope", list(Scope))
def test_who_shares_a_session(scope):
    header = parse_header(f"# Scope: {scope.upper()}\n".encode())
    assert header.scope is scope
    assert not header.problems


def test_an_unknown_scope_is_reported_and_shares_nothing():
    header = parse_header(b"# scope: team\n")
    assert header.scope is None
    assert header.problems == ("“# scope:” is one of tab, browser, user, not 'team'; each tab has its own session",)


def test_limits_and_place_on_the_index():
    header = parse_header(b"# order: -3\n# category: Sales\n# memory: 200 MB\n# Sessions-per-user: 2\n")
    assert (header.order, header.category, header.memory, header.sessions_per_user) == (-3, "Sales", 200, 2)
    assert parse_header(b"# memory: 1.5\n").memory == 1.5
    assert header.problems == ()


@pytest.mark.parametrize(
    "line",
    ["order: first", "order: 1.5", "memory: much", "memory: 0", "memory: nan", "memory: inf", "sessions per user: 0"],
)
def test_nonsense_limits_are_reported_and_left_out(line):
    header = parse_header(f"# {line}\n".encode())
    assert (header.order, header.memory, header.sessions_per_user) == (None, None, None)
    assert len(header.problems) == 1
