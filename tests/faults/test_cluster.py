"""`make cluster` as a person uses it: connections wander, a process dies, Redis goes, Ctrl-C ends everything."""

import asyncio
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import redis

from project.cluster.balancer import NOBODY, Balancer
from project.cluster.services import Redis
from scriptapps.testing import HeadlessBrowser
from tests.faults.servers import LIMIT, ROOT, Person, closed, shows, until

pytestmark = [pytest.mark.faults, pytest.mark.postgres, pytest.mark.redis]

SCRIPT = """
from scriptapps import st
st.session_state.setdefault("count", 0)
if st.button("Add"):
    st.session_state.count += 1
st.text(f"count {st.session_state.count}")
"""


class Cluster:
    """The whole thing as a process of its own, and what it says."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lines: list[str] = []
        (folder / "scripts").mkdir()
        (folder / "scripts" / "page.py").write_text(SCRIPT)
        command = [sys.executable, "-m", "project.cluster", "--port", "0", "--folder", str(folder / "data")]
        self.process = subprocess.Popen(
            [*command, "--customers", "5", "--orders", "5"],
            cwd=ROOT,
            env={**os.environ, "SCRIPTAPPS_DIRS": str(folder / "scripts"), "BEAT_SECONDS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.strip())

    def said(self, pattern: str) -> list[str]:
        """What the group of a pattern was in the lines so far."""
        return [found[1] for line in list(self.lines) if (found := re.search(pattern, line))]

    @property
    def url(self) -> str:
        """Of the balancer."""
        return self.said(r"^(http://\S+)/  each connection")[0]

    def pid(self, name: str) -> int:
        """Of the process that has this name now."""
        return int(self.said(rf"^{name} .*process (\d+)$")[-1])

    def port(self, name: str) -> int:
        """Of a server or service."""
        return int(self.said(rf"^{name} .*127\.0\.0\.1:(\d+)/? ")[-1])

    def is_ready(self, name: str) -> bool:
        """Whether this server takes new sessions."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port(name)}/apps/-/ready/", timeout=LIMIT) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, ConnectionError):
            return False

    def end(self) -> int:
        """Ctrl-C, as a terminal sends it; the exit status."""
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(LIMIT)
        self._reader.join(LIMIT)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Not pytest's own: the user `postgres` could not come in."""
    path = Path(tempfile.mkdtemp(prefix="scriptapps-cluster-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="module")
def running(folder: Path) -> Iterator[Cluster]:
    cluster = Cluster(folder)
    yield cluster
    pids = [int(pid) for pid in cluster.said(r"process (\d+)$")]
    assert cluster.end() == 0, cluster.lines
    assert cluster.lines[-1] == "Everything has ended."
    assert not [pid for pid in pids if exists(pid)]


def exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture
async def cluster(running: Cluster) -> Cluster:
    """The running cluster, all of it ready."""
    await until(lambda: running.said("each connection (goes)") or running.process.poll() is not None)
    assert running.process.poll() is None, running.lines
    await until(lambda: running.is_ready("web-1") and running.is_ready("web-2"))
    return running


async def test_it_says_where_it_is_and_who_may_come_in(cluster):
    text = "\n".join(cluster.lines)
    for part in ("postgres  127.0.0.1:", "redis  127.0.0.1:", "web-1  uvicorn", "web-2  daphne", "alice  sees orders"):
        assert part in text
    assert "/apps/" in await asyncio.to_thread(HeadlessBrowser(cluster.url).get, "/")


async def test_state_wanders_with_its_tab(cluster):
    alice = await Person(cluster, "alice").sign_in()
    viewer = await alice.open()
    for count in range(1, 6):
        await add(viewer, f"count {count}")
        again = await alice.open(viewer.welcome.session_id)
        assert again.welcome.session_id == viewer.welcome.session_id
        await shows(again, f"count {count}")
        assert await closed(viewer) in (4002, 4009)
        viewer = again


async def test_a_server_that_is_killed(cluster):
    alice = await Person(cluster, "alice").sign_in()
    viewer = await alice.open("")
    await add(viewer, "count 1")
    before = {name: cluster.pid(name) for name in ("web-1", "web-2")}
    for pid in before.values():
        os.kill(pid, signal.SIGKILL)
    assert await closed(viewer) == 1006
    await until(lambda: all(cluster.pid(name) != pid and cluster.is_ready(name) for name, pid in before.items()))
    again = await alice.open(viewer.welcome.session_id)
    await shows(again, "count 1")


async def test_a_server_that_drains_sends_its_pages_away(cluster):
    alice = await Person(cluster, "alice").sign_in()
    viewers = [await alice.open("") for _ in range(2)]
    for viewer in viewers:
        await add(viewer, "count 1")
    before = {name: cluster.pid(name) for name in ("web-1", "web-2")}
    for pid in before.values():
        os.kill(pid, signal.SIGTERM)
    assert [await closed(viewer) for viewer in viewers] == [4012, 4012]
    await until(lambda: all(cluster.pid(name) != pid and cluster.is_ready(name) for name, pid in before.items()))
    for viewer in viewers:
        await shows(await alice.open(viewer.welcome.session_id), "count 1")


async def test_redis_paused_killed_and_started_again(cluster, folder):
    alice = await Person(cluster, "alice").sign_in()
    viewers = [await alice.open("") for _ in range(2)]
    os.kill(cluster.pid("redis"), signal.SIGSTOP)
    await both_count(viewers, 1)
    os.kill(cluster.pid("redis"), signal.SIGCONT)
    await both_count(viewers, 2)
    os.kill(cluster.pid("redis"), signal.SIGKILL)
    await both_count(viewers, 3)
    # Steering needs no hint either: the next beat does it.
    admin = await Person(cluster, "admin").sign_in()
    for viewer in viewers:
        has_run = partial(ran_again, viewer, len(viewer.finished))
        await admin.post(f"/admin/scriptapps/scriptsession/{viewer.welcome.session_id}/steer/rerun/")
        await viewer.until(has_run)
    new_redis = Redis(folder, cluster.port("redis"))
    new_redis.start()
    try:
        # A new Redis remembers nothing; the nodes join their group again by themselves.
        await until(lambda: members(new_redis.port) == 2)
        await both_count(viewers, 4)
    finally:
        new_redis.stop()
    await both_count(viewers, 5)


async def add(viewer, expected: str) -> None:
    """Press the button, see what comes of it, and wait until that is acknowledged and so committed."""
    await viewer.click(viewer.widget("Add"))
    await viewer.settled()
    assert expected in viewer.texts()


def ran_again(viewer, runs: int) -> bool:
    return len(viewer.finished) > runs


async def both_count(viewers, count: int) -> None:
    for viewer in viewers:
        await add(viewer, f"count {count}")


def members(port: int) -> int:
    with redis.Redis(port=port) as client:
        return int(client.zcard("asgi:group:scriptapps.nodes"))


async def test_a_balancer_without_servers_says_so():
    balancer = Balancer([1])
    port = await balancer.start(0)
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        assert await reader.read() == NOBODY
        writer.close()
    finally:
        balancer.stop()
