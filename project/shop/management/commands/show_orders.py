"""The command that turns the order dashboards which are open: everybody in the meeting looks at the same figures.

Runs on: the command line, beside the server. It is a few lines around ScriptSession.objects: a view, a task or a signal
of the site does the same.
"""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from project.shop.models import Region
from scriptapps.models import ScriptSession


class Command(BaseCommand):
    """Set the filters of open dashboards from outside, and say why."""

    help = "Shows a region and a number of months on the order dashboards that are open."

    def add_arguments(self, parser: CommandParser) -> None:
        """What to show, and to whom."""
        parser.add_argument("--region", choices=[*Region.values, "all"], help="the region to show")
        parser.add_argument("--months", type=int, help="how many months to show")
        parser.add_argument("--user", help="only on this person's pages")
        parser.add_argument("--say", default="", metavar="TEXT", help="a notice for those who look")

    def handle(self, *args: Any, say: str, **options: Any) -> None:
        """Ask, wait for what came of it, and tell."""
        sessions = ScriptSession.objects.live().filter(script_app__slug="orders")
        if options["user"]:
            sessions = sessions.filter(user__username=options["user"])
        values: dict[str, Any] = {}
        if options["region"]:
            values["region"] = None if options["region"] == "all" else options["region"]
        if options["months"] is not None:
            values["months"] = options["months"]
        report = sessions.rerun(values=values, wait=True, timeout=10, trigger="command", detail="show_orders")
        for session_id, outcome in report.outcomes.items():
            self.stdout.write(f"{session_id}: {outcome} {report.errors.get(session_id, '')}".rstrip())
        for session_id in report.waiting:
            self.stdout.write(f"{session_id}: not done yet")
        if say:
            sessions.notify(say, icon="📣", trigger="command", detail="show_orders")
        self.stdout.write(f"{report.asked} dashboards were asked.")
