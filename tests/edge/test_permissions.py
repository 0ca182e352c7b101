"""The one policy, as a matrix; the index and the batch agree with it."""

import itertools

import pytest
from django.contrib.auth.models import AnonymousUser, Group, Permission, User

from scriptapps.access import NOBODY, PUBLIC, SIGNED_IN, STAFF, AccessRule
from scriptapps.models import ScriptApp
from scriptapps.permissions import ACT_PERMISSIONS, Decision, decide, decide_batch, decide_slug, may_act, openable
from scriptapps.registry import EffectiveApp

ALLOW, SIGN_IN, FORBIDDEN, GONE = Decision.ALLOW, Decision.SIGN_IN, Decision.FORBIDDEN, Decision.GONE
RULES = {
    "public": PUBLIC,
    "signed_in": SIGNED_IN,
    "staff": STAFF,
    "permission": AccessRule.for_permission("shop.view_order"),
    "groups": AccessRule.for_groups(["sales", "support"]),
    "nobody": NOBODY,
}
MATRIX = {
    #              public   signed_in  staff      permission groups     nobody
    "anonymous": (ALLOW, SIGN_IN, SIGN_IN, SIGN_IN, SIGN_IN, SIGN_IN),
    "plain": (ALLOW, ALLOW, FORBIDDEN, FORBIDDEN, FORBIDDEN, FORBIDDEN),
    "staff": (ALLOW, ALLOW, ALLOW, FORBIDDEN, FORBIDDEN, FORBIDDEN),
    "holder": (ALLOW, ALLOW, FORBIDDEN, ALLOW, FORBIDDEN, FORBIDDEN),
    "member": (ALLOW, ALLOW, FORBIDDEN, FORBIDDEN, ALLOW, FORBIDDEN),
    "superuser": (ALLOW, ALLOW, FORBIDDEN, ALLOW, FORBIDDEN, FORBIDDEN),
    "inactive": (FORBIDDEN,) * 6,
}
CELLS = [(who, rule) for who, rule in itertools.product(MATRIX, RULES)]
HEADERS = {
    "public": "public",
    "signed_in": "signed-in",
    "staff": "staff",
    "permission": "permission shop.view_order",
    "groups": "groups sales, support",
    "nobody": "nonsense",
}


@pytest.fixture
def people(db) -> dict:
    holder = User.objects.create_user("holder")
    holder.user_permissions.add(Permission.objects.get(content_type__app_label="shop", codename="view_order"))
    member = User.objects.create_user("member")
    member.groups.add(Group.objects.create(name="support"))
    # Superusers get what has_perm says and nothing else: neither staff nor in a group, this one may do no more.
    superuser = User.objects.create_user("superuser", is_superuser=True)
    return {
        "anonymous": AnonymousUser(),
        "plain": User.objects.create_user("plain"),
        "staff": User.objects.create_user("staff", is_staff=True),
        "holder": holder,
        "member": member,
        "superuser": superuser,
        "inactive": User.objects.create_superuser("inactive", is_active=False),
    }


@pytest.mark.parametrize(("who", "rule"), CELLS)
def test_the_matrix(people, who, rule):
    effective = EffectiveApp("orders", "Orders", RULES[rule], 300)
    assert decide(people[who], effective) is MATRIX[who][list(RULES).index(rule)]


@pytest.mark.parametrize("who", MATRIX)
def test_what_is_disabled_or_missing_is_gone(people, who):
    assert decide(people[who], EffectiveApp("orders", "Orders", PUBLIC, 300, enabled=False)) is GONE
    assert decide(people[who], None) is GONE
    assert decide_slug(people[who], "no-such") is GONE


@pytest.fixture
def scripts(folder) -> None:
    for slug, access in HEADERS.items():
        folder.write(f"{slug}.py", f"# access: {access}\n")


@pytest.mark.parametrize("who", MATRIX)
def test_index_batch_and_single_question_agree(people, scripts, who):
    user = people[who]
    expected = {slug: MATRIX[who][number] for number, slug in enumerate(RULES)}
    assert {slug: decide_slug(user, slug) for slug in RULES} == expected
    assert {item.source.slug for item in openable(user)} == {slug for slug in RULES if expected[slug] is ALLOW}
    assert decide_batch((user.pk, slug) for slug in RULES) == {(user.pk, slug): expected[slug] for slug in RULES}


def test_the_row_has_the_last_word(people, scripts):
    ScriptApp.objects.create(slug="public", access="staff")
    ScriptApp.objects.create(slug="staff", enabled=False)
    row = ScriptApp.objects.create(slug="signed_in", access="groups")
    row.groups.add(Group.objects.get(name="support"))
    assert decide_slug(people["plain"], "public") is FORBIDDEN
    assert decide_slug(people["staff"], "staff") is GONE
    assert decide_slug(people["member"], "signed_in") is ALLOW
    assert [item.source.slug for item in openable(people["member"])] == ["groups", "signed_in"]


def test_a_batch_reads_users_afresh(people, scripts):
    plain = people["plain"]
    User.objects.filter(pk=plain.pk).update(is_active=False)
    assert decide_batch([(plain.pk, "signed_in")]) == {(plain.pk, "signed_in"): FORBIDDEN}
    plain.delete()
    gone = people["staff"].pk
    User.objects.filter(pk=gone).delete()
    assert decide_batch([(gone, "public")]) == {(gone, "public"): SIGN_IN}


def test_a_batch_of_many_asks_few_questions(people, scripts, django_assert_max_num_queries):
    users = User.objects.bulk_create(User(username=f"u{number}") for number in range(100))
    pairs = [(user.pk, slug) for user in users for slug in ("public", "signed_in", "staff", "groups")]
    with django_assert_max_num_queries(4):
        assert len(decide_batch(pairs)) == 400


def test_the_index_asks_few_questions(people, folder, django_assert_max_num_queries):
    for number in range(30):
        folder.write(f"s{number}.py", "# access: permission shop.view_order\n")
        ScriptApp.objects.create(slug=f"s{number}")
    user = User.objects.get(username="holder")
    with django_assert_max_num_queries(4):
        assert len(openable(user)) == 30


# -- acts on sessions of others ----------------------------------------------------------------------------------------

OPERATORS = {
    "anonymous": set(),
    "plain": set(),
    "staff": set(),
    "superuser": set(ACT_PERMISSIONS),
    "inactive": set(),
}


@pytest.mark.parametrize("who", OPERATORS)
def test_acts_need_their_permission(people, who):
    assert {act for act in ACT_PERMISSIONS if may_act(people[who], act)} == OPERATORS[who]


@pytest.mark.parametrize("codename", sorted(set(ACT_PERMISSIONS.values())))
def test_each_permission_gives_its_acts_and_no_others(db, codename):
    user = User.objects.create_user("operator")
    user.user_permissions.add(Permission.objects.get(content_type__app_label="scriptapps", codename=codename))
    assert {act for act in ACT_PERMISSIONS if may_act(user, act)} == {
        act for act, needed in ACT_PERMISSIONS.items() if needed == codename
    }


def test_an_act_that_does_not_exist(people):
    with pytest.raises(KeyError):
        may_act(people["superuser"], "explode")
