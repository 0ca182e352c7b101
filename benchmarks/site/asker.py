"""A shell beside the servers: asks sessions for reruns when it is told to.

Runs on: a process of its own. Reads lines "USER VALUE" (USER "*" is everybody, VALUE "-" a rerun without values) and
prints how many sessions were asked and the seconds that the asking took. The user "?" stands for: how many of those
that were asked last have done it.
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
    report = None
    for line in sys.stdin:
        user, value = line.split()
        began = time.perf_counter()
        if user == "?" and report is not None:
            done = list(report.wait().outcomes.values()).count("completed")
            print(done, time.perf_counter() - began, flush=True)
            continue
        sessions = ScriptSession.objects.live().filter(script_app__slug="steered")
        if user != "*":
            sessions = sessions.filter(user__username=user)
        began = time.perf_counter()
        report = sessions.rerun(values={} if value == "-" else {"heat": int(value)})
        print(int(report), time.perf_counter() - began, flush=True)


if __name__ == "__main__":
    main()
