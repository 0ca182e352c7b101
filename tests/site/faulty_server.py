"""A server that comes back at once: a parent that has imported everything forks a child for each life.

    python -m tests.site.faulty_server (uvicorn | daphne) FILE_DESCRIPTOR

Runs on: a process of its own. Invariant: the listening socket belongs to whoever started the parent, so that
connections wait while a child is born; a child that was killed is replaced, one that ended in good order is not; the
parent prints ``born PID`` and ``ended PID STATUS``, and takes its child with it.
"""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import sys
from typing import Any

PR_SET_PDEATHSIG = 1


def main(kind: str, descriptor: int) -> None:
    """Serve until a child ends in good order."""
    _end_with_parent()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.site.faulty")
    from tests.site.faulty_asgi import application

    child = 0

    def end(signum: int, frame: Any) -> None:
        if child:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        os._exit(0)

    signal.signal(signal.SIGTERM, end)
    while True:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
            _end_with_parent()
            serve(kind, descriptor, application)
            sys.stdout.flush()
            os._exit(0)
        _say(f"born {child}")
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        _, status = os.waitpid(child, 0)
        _say(f"ended {child} {os.waitstatus_to_exitcode(status)}")
        if os.waitstatus_to_exitcode(status) != -signal.SIGKILL:
            return


def serve(kind: str, descriptor: int, application: Any) -> None:
    """One life."""
    if kind == "daphne":
        from daphne.server import Server

        Server(application, endpoints=[f"fd:fileno={descriptor}"], signal_handlers=True).run()
    else:
        import uvicorn

        config = uvicorn.Config(application, log_level="warning", ws_per_message_deflate=False)
        uvicorn.Server(config).run(sockets=[socket.socket(fileno=os.dup(descriptor))])


def _end_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _say(text: str) -> None:
    os.write(1, f"{text}\n".encode())


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
