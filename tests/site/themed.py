"""The demo site with another admin theme (THEME) before Django's own. Run as a program, it opens our pages.

Runs on: a process of its own, since templates are looked up by the order of apps. Prints a JSON object: for each page
its status and what of it was not found.
"""

import json
import os
import sys

from project.settings import *  # noqa: F403

INSTALLED_APPS = [os.environ["THEME"], *INSTALLED_APPS]  # noqa: F405
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}


def main() -> None:
    """Make one session in the rows, open each page of the admin that is about script apps, print what was found."""
    import django

    django.setup()
    from django.contrib.auth.models import User
    from django.core.management import call_command
    from django.test import Client
    from django.urls import reverse

    from scriptapps.models import ScriptApp, ScriptSession

    call_command("migrate", verbosity=0)
    client = Client(SERVER_NAME="localhost")
    client.force_login(User.objects.create_superuser("admin"))
    app = ScriptApp.objects.create(slug="orders")
    session = ScriptSession.objects.create(script_app=app, node="web-1")
    of_session = {name: reverse(f"admin:scriptapps_scriptsession_{name}", args=[session.pk]) for name in PARTS}
    wanted: dict[str, list[str]] = {reverse(f"admin:scriptapps_{model}_changelist"): [] for model in MODELS}
    wanted[reverse("admin:scriptapps_scriptsession_changelist")] = [
        "scriptapps-state",
        'value="rerun"',
        "_selected_action",
    ]
    wanted[of_session["change"]] = ["scriptapps-steer", of_session["inspect"], of_session["observe"]]
    wanted[of_session["inspect"]] = ["scriptapps-counts"]
    wanted[reverse("admin:scriptapps_scriptapp_change", args=[app.pk])] = ["orders"]
    found = {}
    for address, texts in wanted.items():
        answer = client.get(address)
        page = answer.content.decode()
        found[address] = [answer.status_code, [text for text in texts if text not in page]]
    asked = {"action": "rerun", "_selected_action": [str(session.pk)]}
    answer = client.post(reverse("admin:scriptapps_scriptsession_changelist"), asked)
    found["confirmation"] = [
        answer.status_code,
        [text for text in ["scriptapps-concerned", "<b>1</b>", "csrf"] if text not in answer.content.decode()],
    ]
    json.dump(found, sys.stdout)


MODELS = ["apitoken", "auditrecord", "errorgroup", "runrecord", "scriptapp", "serverprocess"]
PARTS = ["change", "inspect", "observe"]

if __name__ == "__main__":
    main()
