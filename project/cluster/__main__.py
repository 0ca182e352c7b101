"""`python -m project.cluster`: PostgreSQL, Redis, server processes and a balancer, until Ctrl-C.

Runs on: the command line. A server process that ends is started again, as a supervisor would: kill -9 one and see.
"""

import argparse
import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from project.cluster.balancer import Balancer
from project.cluster.services import NotInstalledError, Postgres, Redis, Service, free_port

ROOT = Path(__file__).resolve().parents[2]
KINDS = ("uvicorn", "daphne")
DRAIN_SECONDS = 25
RESTART_SECONDS = 0.5


def say(text: str) -> None:
    """A line for the person at the terminal."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


class ServerProcess:
    """One ASGI server; `keep_running` starts it again whenever it ends."""

    def __init__(self, number: int, kind: str, folder: Path, environment: dict[str, str]) -> None:
        self.name = f"web-{number}"
        self.kind = kind
        self.port = free_port()
        self.log = folder / f"{self.name}.log"
        self.environment = environment
        self.process: asyncio.subprocess.Process | None = None

    def command(self) -> list[str]:
        """How docs/deployment.md says to start it."""
        place = ["--host", "127.0.0.1", "--port", str(self.port)]
        if self.kind == "daphne":
            place = ["-v", "0", "-b", "127.0.0.1", "-p", str(self.port)]
            return [sys.executable, "-m", "daphne", *place, "project.asgi:application"]
        options = ["--ws-per-message-deflate", "false", "--ws-max-size", "2097152", "--timeout-graceful-shutdown", "5"]
        return [sys.executable, "-m", "uvicorn", *place, *options, "--no-access-log", "project.asgi:application"]

    async def keep_running(self) -> None:
        """Start, wait for the end, start again."""
        while True:
            with self.log.open("ab") as log:
                self.process = await asyncio.create_subprocess_exec(
                    *self.command(),
                    cwd=ROOT,
                    env=self.environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            say(f"  {self.name}  {self.kind}  http://127.0.0.1:{self.port}/  process {self.process.pid}")
            code = await self.process.wait()
            say(f"  {self.name}  ended with {code}, starts again")
            await asyncio.sleep(RESTART_SECONDS)

    async def stop(self) -> None:
        """Let it drain; end it by force if it does not."""
        if self.process is None or self.process.returncode is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(self.process.wait(), DRAIN_SECONDS)
        except TimeoutError:
            say(f"  {self.name}  did not end within {DRAIN_SECONDS} s and is killed")
            self.process.kill()
            await self.process.wait()

    async def ready(self) -> None:
        """Return as soon as it takes connections."""
        while True:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                writer.close()
                return
            await asyncio.sleep(0.05)


def prepare(environment: dict[str, str], demo_data: Sequence[str]) -> None:
    """Tables, accounts and a shop."""
    for command in (["migrate", "--verbosity", "0"], ["demo_data", *demo_data]):
        subprocess.run([sys.executable, "manage.py", *command], cwd=ROOT, env=environment, check=True)


async def serve(servers: list[ServerProcess], port: int) -> None:
    """Run servers and balancer until SIGINT or SIGTERM."""
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    balancer = Balancer([server.port for server in servers])
    port = await balancer.start(port)
    keepers = [asyncio.create_task(server.keep_running()) for server in servers]
    try:
        await asyncio.gather(*(server.ready() for server in servers))
        say(f"\n  http://127.0.0.1:{port}/  each connection goes to the next server")
        say(f"  Logs are in {servers[0].log.parent}. Ctrl-C ends everything.\n")
        await ended.wait()
        say("\nThe servers drain ...")
    finally:
        for keeper in keepers:
            keeper.cancel()
        balancer.stop()
        await asyncio.gather(*(server.stop() for server in servers))


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m project.cluster", description=__doc__)
    parser.add_argument("--port", type=int, default=8000, help="of the balancer; 0 for any that is free (8000)")
    parser.add_argument(
        "--servers", default="uvicorn,daphne", help="one word for each process, of uvicorn and daphne (uvicorn,daphne)"
    )
    parser.add_argument("--folder", type=Path, default=ROOT / ".cluster", help="thrown away at start (.cluster)")
    parser.add_argument("--customers", default="400", help="how many customers the shop has (400)")
    parser.add_argument("--orders", default="8000", help="how many orders (8000)")
    options = parser.parse_args(arguments)
    options.servers = options.servers.split(",")
    if unknown := set(options.servers) - set(KINDS):
        parser.error(f"unknown server {sorted(unknown)[0]!r}; there are {', '.join(KINDS)}")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Start everything, wait for Ctrl-C, end everything. Returns the exit code."""
    options = parse(arguments)
    shutil.rmtree(options.folder, ignore_errors=True)
    options.folder.mkdir(parents=True)
    started: list[Service] = []
    environment = {**os.environ, "DEBUG": "1", "PYTHONUNBUFFERED": "1"}
    # SIGTERM ends the start-up as Ctrl-C does: what runs by then is ended.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        for make in (Postgres, Redis):
            service: Service = make(options.folder)
            started.append(service)
            service.start()
            environment |= service.environment()
            say(f"  {service.name}  127.0.0.1:{service.port}  process {service.process and service.process.pid}")
        prepare(environment, ["--customers", options.customers, "--orders", options.orders])
        servers = [ServerProcess(n, kind, options.folder, environment) for n, kind in enumerate(options.servers, 1)]
        asyncio.run(serve(servers, options.port))
    except (NotInstalledError, RuntimeError, OSError, subprocess.CalledProcessError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    except KeyboardInterrupt:
        say("\nInterrupted.")
    finally:
        for service in reversed(started):
            service.stop()
    say("Everything has ended.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
