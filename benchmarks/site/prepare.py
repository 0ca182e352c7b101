"""Makes the measured site's database: tables, and the people who sign in.

Runs on: a process of its own, before the server starts: `python -m benchmarks.site.prepare 10`.
"""

from __future__ import annotations

import sys

import django
from django.core.management import call_command


def main(people: int) -> None:
    """Tables, and accounts `person0`, `person1` ... and `watcher`, whose passwords are their names."""
    django.setup()
    call_command("migrate", verbosity=0)
    # The model is there only after setup().
    from django.contrib.auth.models import User

    for number in range(people):
        User.objects.create_user(f"person{number}", password=f"person{number}")
    User.objects.create_superuser("watcher", password="watcher")


if __name__ == "__main__":
    main(int(sys.argv[1]))
