"""`manage.py scriptapps_sweep`: what running processes do by themselves a few times per hour, now and completely."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.template.defaultfilters import filesizeformat

from scriptapps.sweep import sweep


class Command(BaseCommand):
    """Take away idle sessions, the state of closed ones and old rows; safe beside running processes."""

    help = "Closes sessions that nobody came back to, and removes values, files and rows that nobody needs any more."

    def add_arguments(self, parser: CommandParser) -> None:
        """How it is told."""
        parser.add_argument("--dry-run", action="store_true", help="only count what would be taken away")
        parser.add_argument("--json", action="store_true", help="print the counts as JSON")

    def handle(self, *args: Any, dry_run: bool, verbosity: int, **options: Any) -> None:
        """Do it and say what was done."""
        report = sweep(dry_run=dry_run)
        if options["json"]:
            self.stdout.write(json.dumps({"dry_run": dry_run, **report.as_dict()}))
        elif verbosity > 0:
            if dry_run:
                self.stdout.write(self.style.WARNING("Dry run: nothing is changed."))
            self.stdout.write(f"Sessions that nobody came back to, closed: {report.closed}")
            self.stdout.write(f"Idle sessions whose process was asked to close them: {report.asked}")
            size = filesizeformat(report.bytes)
            self.stdout.write(f"Closed sessions whose stored values were removed: {report.emptied} ({size})")
            size = filesizeformat(report.file_bytes)
            self.stdout.write(f"Uploaded files that nobody needs any more, removed: {report.files} ({size})")
            self.stdout.write(f"Rows of closed sessions removed: {report.deleted}")
            self.stdout.write(f"Rows of requests that ended long ago removed: {report.requests}")
            self.stdout.write(f"Audit records removed after their time: {report.audit}")
            self.stdout.write(f"Stored answers of the HTTP API removed: {report.answers}")
            self.stdout.write(f"Rows of server processes that are gone removed: {report.processes}")
