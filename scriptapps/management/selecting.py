"""Which sessions a command is about, as whom, and what it gives them: from the words of a command line.

Runs on: the command's thread. Invariant: a command that says of nobody in particular is refused unless it says --all.
"""

from __future__ import annotations

import getpass
import json
import socket
from argparse import ArgumentParser
from collections.abc import Iterable
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ObjectDoesNotExist
from django.core.management.base import CommandError

from scriptapps.api.problems import Problem
from scriptapps.api.selection import LIVENESS, in_words, select
from scriptapps.api.values import value_from_json
from scriptapps.models import ScriptSession, ScriptSessionQuerySet
from scriptapps.permissions import Actor, ShellActor

NOT_ALLOWED, NOBODY, ENDED_BADLY, STILL_WAITING = 1, 3, 4, 5
"""Exit codes; 2 is that of a command line that cannot be read."""
FILTERS = ("script_app", "user", "id", "liveness", "node")
SHORTEST_ID = 4


def add_filters(parser: ArgumentParser, *, acts: bool) -> None:
    """The options that choose sessions, and for acts the way to mean all."""
    chosen = parser.add_argument_group("which sessions")
    chosen.add_argument("--script-app", metavar="SLUG", help="of this script app")
    chosen.add_argument("--user", metavar="NAME", help="of this user")
    chosen.add_argument("--id", action="append", metavar="ID", help="this one; the beginning of an id is enough")
    chosen.add_argument("--liveness", choices=LIVENESS, help="live unless said, or open if --id is given")
    chosen.add_argument("--node", metavar="NAME", help="in this server process")
    if acts:
        chosen.add_argument("--all", action="store_true", help="all live ones, if nothing else is said")
    add_person(parser)


def add_person(parser: ArgumentParser) -> None:
    """As whom."""
    parser.add_argument("--as", dest="person", metavar="USER", help="act as this user, with no more than their rights")
    parser.add_argument("--json", action="store_true", help="print JSON")


def selected(found: Actor | ShellActor, options: dict[str, Any], *, acts: bool) -> tuple[ScriptSessionQuerySet, str]:
    """The sessions that this actor means and may act on, and the selection in words. Raises CommandError."""
    given = {name: options[name] for name in FILTERS if options.get(name)}
    if acts and not given and not options["all"]:
        raise CommandError("Say which sessions (--script-app, --user, --id, --liveness, --node), or --all.")
    wanted = {("ids" if name == "id" else name): value for name, value in given.items()}
    if "ids" in wanted:
        wanted["ids"] = [whole_id(text) for text in wanted["ids"]]
    sessions = select(found.visible(ScriptSession.objects.all()), wanted)
    if "node" in wanted:
        sessions = sessions.filter(node=wanted["node"])
    return sessions, in_words(wanted) or "all"


def whole_id(text: str) -> Any:
    """The id that begins like this. Raises CommandError if there is none, or more than one."""
    found: list[Any] = []
    if len(text.replace("-", "")) >= SHORTEST_ID:
        found = list(ScriptSession.objects.filter(pk__istartswith=text).values_list("pk", flat=True)[:2])
    if len(found) != 1:
        what = "More than one session has" if found else "There is no session with"
        raise CommandError(f"{what} an id that begins with {text!r}.", returncode=NOBODY)
    return found[0]


def actor(name: str | None, acts: Iterable[str]) -> Actor | ShellActor:
    """Who acts: this user, or without a name whoever may use the command line.

    Raises CommandError for what they may not do.
    """
    found = ShellActor(_account()) if name is None else Actor(_user(name))
    for act in acts:
        if not found.may(act):
            raise CommandError(f"{name} may not do this ({act}) to sessions of others.", returncode=NOT_ALLOWED)
    return found


def _user(name: str) -> Any:
    try:
        return get_user_model()._default_manager.get_by_natural_key(name)
    except (ObjectDoesNotExist, AttributeError):
        raise CommandError(f"There is no user {name!r}.") from None


def _account() -> str:
    try:
        account = getpass.getuser()
    except (KeyError, OSError):
        account = "somebody"
    return f"{account}@{socket.gethostname()}"


def assigned(pairs: Iterable[str] | None, option: str) -> dict[str, Any]:
    """Values from ``key=JSON``. Raises CommandError."""
    values: dict[str, Any] = {}
    for pair in pairs or ():
        key, equals, text = pair.partition("=")
        if not equals or not key:
            raise CommandError(f"{option} takes key=value, not {pair!r}.")
        values[key] = value(text, f"{option} {key}")
    return values


def whole_object(text: str | None, option: str) -> dict[str, Any]:
    """Values from a JSON object. Raises CommandError."""
    if text is None:
        return {}
    try:
        given = json.loads(text)
    except ValueError:
        given = None
    if not isinstance(given, dict):
        raise CommandError(f"""{option} takes a JSON object, like '{{"order": 7}}', not {text!r}.""")
    return {key: _plain(each, f"{option} {key}") for key, each in given.items()}


def value(text: str, place: str) -> Any:
    """One value from JSON. Raises CommandError."""
    try:
        given = json.loads(text)
    except ValueError:
        quoted = json.dumps(text, ensure_ascii=False)
        raise CommandError(f"{place}: {text!r} is not JSON. A text is written in quotes: '{quoted}'.") from None
    return _plain(given, place)


def _plain(given: Any, place: str) -> Any:
    try:
        return value_from_json(given, place)
    except Problem as problem:
        raise CommandError(f"{place} {problem.errors[0][1] if problem.errors else problem}") from None
