"""Work that takes longer than a run."""

import threading
from collections.abc import Callable, Iterator
from functools import partial

import pytest
from celery import Celery  # type: ignore[import-untyped]

from scriptapps.runtime.task_queues import CeleryQueue, TaskState, queue_of
from tests.runtime.stage import PROBES, Stage

THREAD = """
    def count(to):
        bar = st.progress(0.0)
        for number in range(to):
            probe.event(f"go {number}").wait()
            bar.progress((number + 1) / to, f"{number + 1} of {to}")
            st.text(f"step {number}")
        if to == 13:
            raise ValueError("unlucky")
        return {"counted": to}

    job = st.task(count, st.session_state.get("to", 2), label="Counting", start=False)
    if st.button("Start"):
        job.start()
    st.text(f"{job.status} {job.result} {job.error}".strip())
    """


def last_text(played: Stage) -> str:
    texts: list[str] = played.viewer.texts()
    return texts[-1]


def test_work_in_a_thread_is_shown_and_its_result_kept(stage: Callable[[str], Stage]) -> None:
    played = stage(THREAD).run()
    assert played.viewer.texts() == ["idle None"]
    played.viewer.click("Start")
    played.until(lambda: last_text(played) == "running None")
    played.probe.event("go 0").set()
    played.until(lambda: "step 0" in played.viewer.texts())
    # A run of the script meanwhile does not begin it again.
    played.run()
    assert "step 0" in played.viewer.texts()
    played.probe.event("go 1").set()
    played.until(lambda: last_text(played) == "done {'counted': 2}")
    played.rest()
    [status] = played.viewer.page.find("status")
    assert (status.props.label, status.props.state) == ("Counting", "complete")


def test_it_can_be_begun_again(stage: Callable[[str], Stage]) -> None:
    played = stage(THREAD).run()
    played.probe.event("go 0").set()
    played.probe.event("go 1").set()
    for to in (1, 2):
        played.session.state["to"] = to
        played.viewer.click("Start")
        wanted = f"done {{'counted': {to}}}"
        played.until(partial(lambda text: last_text(played) == text, wanted))


def test_work_that_fails_says_so(stage: Callable[[str], Stage]) -> None:
    played = stage(THREAD)
    played.session.state["to"] = 13
    played.run()
    for number in range(13):
        played.probe.event(f"go {number}").set()
    played.viewer.click("Start")
    played.until(lambda: last_text(played).startswith("failed"))
    played.rest()
    assert last_text(played) == "failed None ValueError: unlucky"
    assert played.viewer.page.find("status")[0].props.state == "error"


def test_work_whose_process_has_ended_is_lost_and_can_be_begun_again(stage: Callable[[str], Stage]) -> None:
    played = stage(THREAD)
    played.session.state["_task count"] = {"status": "running", "number": 1, "id": ""}
    played.run()
    assert last_text(played).startswith("lost None the process")
    played.probe.event("go 0").set()
    played.probe.event("go 1").set()
    played.viewer.click("Start")
    played.until(lambda: last_text(played) == "done {'counted': 2}")


@pytest.fixture
def celery() -> Iterator[Celery]:
    app = Celery("tests", broker="memory://", backend="cache+memory://", set_as_current=False)
    app.conf.update(task_always_eager=True, task_store_eager_result=True)
    yield app
    app.close()


def test_a_task_of_celery(stage: Callable[[str], Stage], celery: Celery) -> None:
    @celery.task(name="double")
    def double(number: int) -> int:
        return number * 2

    played = stage(
        """
        double = probe.notes[0]
        job = st.task(double, 21)
        st.text(f"{job.status} {job.result}")
        """
    )
    PROBES[played.session.session_id].note(double)
    played.run()
    played.until(lambda: last_text(played) == "done 42")


def test_progress_and_failures_of_celery(celery: Celery) -> None:
    @celery.task(bind=True, name="slow")
    def slow(self: object) -> None: ...

    @celery.task(name="broken")
    def broken() -> None:
        raise ValueError("no")

    queue = CeleryQueue(slow)
    celery.backend.store_result("1", {"progress": 0.5, "text": "half"}, "PROGRESS")
    assert queue.look("1") == TaskState("running", 0.5, "half")
    assert queue.look("unknown").status == "waiting"
    failed = CeleryQueue(broken)
    assert failed.look(failed.start((), {})) == TaskState("failed", error="ValueError: no")


def test_plain_functions_have_no_queue() -> None:
    assert queue_of(threading.get_ident) is None
