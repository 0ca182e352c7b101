"""A shell beside the servers: asks sessions for reruns when it is told to.

Runs on: a process of its own. Reads lines "USER VALUE" (USER "*" is everybody), prints how many sessions were asked and
the seconds that the asking took.
"""

from __future__ import annotations

import sys
import time

import django


def main() -> None:
    """Until the end of the input."""
    django.setup()
    # The model is there only after setup().
    from scriptapps.models import ScriptSession

    print("ready", flush=True)
    for line in sys.stdin:
        user, value = line.split()
        sessions = ScriptSession.objects.live().filter(script_app__slug="steered")
        if user != "*":
            sessions = sessions.filter(user__username=user)
        began = time.perf_counter()
        asked = int(sessions.rerun(values={"heat": int(value)}))
        print(asked, time.perf_counter() - began, flush=True)


if __name__ == "__main__":
    main()
