"""`manage.py scriptapps`: the sessions of the site from the command line: list them, look into them, steer them."""

import json
from argparse import ArgumentParser
from collections.abc import Callable
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from scriptapps import audit
from scriptapps.api.acts import report_as_json
from scriptapps.api.reading import session_as_json
from scriptapps.api.values import stored_as_json
from scriptapps.errors import SteeringError, StoredStateGoneError
from scriptapps.events import send_event
from scriptapps.management import printing
from scriptapps.management.selecting import (
    ENDED_BADLY,
    NOBODY,
    STILL_WAITING,
    actor,
    add_filters,
    add_person,
    assigned,
    selected,
    value,
    whole_id,
    whole_object,
)
from scriptapps.models import ScriptSession, ScriptSessionQuerySet, SteeringReport
from scriptapps.models.steering import TIMEOUT
from scriptapps.permissions import Actor, ShellActor
from scriptapps.run_records import redact_pattern
from scriptapps.store import get_state_store, write_alias

VIA = "command"
EXIT_CODES = """
exit codes: 0 done; 1 not allowed, or it cannot be done; 2 the command line cannot be read; 3 no session fits;
4 (with --wait) it did not end well somewhere; 5 (with --wait) some have not ended yet
"""
Ask = Callable[[ScriptSessionQuerySet, dict[str, Any]], SteeringReport]


class Command(BaseCommand):
    """List, inspect and steer script sessions."""

    help = "Lists the script sessions of the site, looks into them and steers them."

    def add_arguments(self, parser: CommandParser) -> None:
        """How it is told."""
        parser.epilog = EXIT_CODES
        words = parser.add_subparsers(dest="word", required=True, metavar="word")
        sessions = words.add_parser("sessions", help="list them")
        add_filters(sessions, acts=False)
        rerun = words.add_parser("rerun", help="run their scripts again")
        rerun.add_argument("--value", action="append", metavar="KEY=JSON", help="a value for the widget with this key")
        rerun.add_argument("--state", metavar="JSON", help="an object: values for session_state")
        rerun.add_argument("--fragment", default="", metavar="NAME", help="the only part that has to run")
        stop = words.add_parser("stop", help="stop the runs that are going on")
        close = words.add_parser("close", help="end them for good")
        close.add_argument("--message", default="", help="what their pages show")
        notify = words.add_parser("notify", help="show a message on their pages, without a run")
        notify.add_argument("text", help="in Markdown")
        notify.add_argument("--icon", default="", help='an emoji or a name, like ":material/info:"')
        event = words.add_parser("event", help="send an event to the pages that listen for it")
        event.add_argument("name")
        event.add_argument("payload", nargs="?", default="null", metavar="JSON", help="what goes with it")
        for act in (rerun, stop, close, notify, event):
            add_filters(act, acts=True)
            _add_waiting(act)
        self._add_state(words.add_parser("state", help="show what one session holds, or assign to session_state"))

    @staticmethod
    def _add_state(state: ArgumentParser) -> None:
        state.add_argument("session", metavar="id", help="of one session; its beginning is enough")
        state.add_argument("--set", action="append", metavar="KEY=JSON", help="assign this key of session_state")
        state.add_argument("--no-rerun", action="store_true", help="the next run sees it, whatever causes that")
        add_person(state)
        _add_waiting(state)

    def handle(self, *args: Any, word: str, **options: Any) -> None:
        """Do it and say what was done. Raises CommandError."""
        try:
            getattr(self, f"_{word}")(options)
        except SteeringError as refused:
            raise CommandError(str(refused)) from None

    # -- looking ---------------------------------------------------------------------------------------------------

    def _sessions(self, options: dict[str, Any]) -> None:
        sessions, _ = selected(actor(options["person"], ["view"]), options, acts=False)
        rows = sessions.select_related("user", "script_app").order_by("-last_seen", "-pk")
        if options["json"]:
            self._print_json([session_as_json(row) for row in rows])
            return
        found = list(rows)
        for number, line in enumerate(printing.session_table(found)):
            self.stdout.write(line if number else self.style.MIGRATE_HEADING(line))
        self.stdout.write(f"{len(found)} session{'' if len(found) == 1 else 's'}")

    def _state(self, options: dict[str, Any]) -> None:
        given = assigned(options["set"], "--set")
        key = whole_id(options["session"])
        if not given:
            self._show_state(ScriptSession.objects.select_related("script_app").get(pk=key), options)
            return
        run = not options["no_rerun"]
        self._act(
            options,
            ["patch"],
            ScriptSession.objects.filter(pk=key),
            f"id {key}; assigns {', '.join(sorted(given))}",
            lambda sessions, who: sessions.update_state(given, rerun=run, **who),
        )

    def _show_state(self, session: ScriptSession, options: dict[str, Any]) -> None:
        found = actor(options["person"], ["view values"])
        with transaction.atomic(using=write_alias()):
            self._record(found, "view values", session=session)
            try:
                stored = get_state_store().load(str(session.pk))
            except StoredStateGoneError as gone:
                raise CommandError(f"Nothing is stored of this session any more: {gone}.") from None
        self._print_json({**stored_as_json(stored, redact_pattern()), "not_stored": session.not_durable or {}})

    # -- acting ----------------------------------------------------------------------------------------------------

    def _rerun(self, options: dict[str, Any]) -> None:
        values, state = assigned(options["value"], "--value"), whole_object(options["state"], "--state")
        names, fragment = sorted({*values, *state}), options["fragment"]
        self._act_on_selected(
            options,
            ["rerun", "patch"] if names else ["rerun"],
            lambda sessions, who: sessions.rerun(values=values, state=state, fragment=fragment, **who),
            f"; assigns {', '.join(names)}" if names else "",
        )

    def _stop(self, options: dict[str, Any]) -> None:
        self._act_on_selected(options, ["stop"], lambda sessions, who: sessions.stop(**who))

    def _close(self, options: dict[str, Any]) -> None:
        self._act_on_selected(options, ["close"], lambda sessions, who: sessions.close(options["message"], **who))

    def _notify(self, options: dict[str, Any]) -> None:
        text, icon = options["text"], options["icon"]
        self._act_on_selected(options, ["notify"], lambda sessions, who: sessions.notify(text, icon, **who))

    def _event(self, options: dict[str, Any]) -> None:
        name, payload = options["name"], value(options["payload"], "The payload")
        self._act_on_selected(
            options, ["event"], lambda sessions, who: send_event(name, payload, to=sessions, **who), f"; event {name}"
        )

    def _act_on_selected(self, options: dict[str, Any], acts: list[str], ask: Ask, more: str = "") -> None:
        sessions, words = selected(actor(options["person"], acts), options, acts=True)
        self._act(options, acts, sessions, words + more, ask)

    def _act(
        self, options: dict[str, Any], acts: list[str], sessions: ScriptSessionQuerySet, words: str, ask: Ask
    ) -> None:
        found = actor(options["person"], acts)
        who = {"by": found.user, "trigger": VIA, "detail": str(found)}
        with transaction.atomic(using=write_alias()):
            report = ask(sessions, who)
            outcome = "asked" if report.asked else "nobody"
            reached = sorted({*report.requests.values(), *report.outcomes})
            self._record(found, acts[0], sessions=reached, count=report.asked, outcome=outcome, detail=words)
        if options["wait"]:
            report.wait(options["timeout"])
        self._say(report, options)

    @staticmethod
    def _record(found: Actor | ShellActor, act: str, **what: Any) -> None:
        # Who that was on the machine is part of the words: there is no user to name.
        detail = "; ".join(filter(None, [what.pop("detail", ""), "" if found.user else f"by {found}"]))
        audit.record(act, by=found.user, via=VIA, detail=detail, **what)

    # -- saying ----------------------------------------------------------------------------------------------------

    def _say(self, report: SteeringReport, options: dict[str, Any]) -> None:
        if options["json"]:
            self._print_json(report_as_json(report))
        else:
            for line in printing.report_lines(report, waited=options["wait"]):
                self.stdout.write(line)
        if not report.asked:
            raise CommandError("Nobody was asked.", returncode=NOBODY)
        if any(word not in printing.ENDED_WELL for word in report.outcomes.values()):
            raise CommandError("It did not end well everywhere.", returncode=ENDED_BADLY)
        if options["wait"] and report.waiting:
            raise CommandError("Not all have ended in time; they go on.", returncode=STILL_WAITING)

    def _print_json(self, document: Any) -> None:
        self.stdout.write(json.dumps(document, indent=2))


def _add_waiting(parser: ArgumentParser) -> None:
    parser.add_argument("--wait", action="store_true", help="wait until it has ended, and say how")
    parser.add_argument("--timeout", type=float, default=TIMEOUT, metavar="SECONDS", help="at most so long")
