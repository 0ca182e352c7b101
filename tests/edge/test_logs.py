"""What is logged during a run says to whom and what it belongs; as JSON it stays one line."""

import json
import logging
import logging.config
import sys
import uuid

import pytest

from scriptapps.logs import RUN_FIELDS, JsonFormatter, RunContextFilter
from tests.live import Site

SCRIPT = """# access: signed-in
import logging
import threading
from scriptapps import st

logger = logging.getLogger("shop.reports")
logger.warning("from the script")
thread = threading.Thread(target=st.with_run_context(logger.warning), args=("from its thread",))
thread.start()
thread.join()
plain = threading.Thread(target=logger.warning, args=("from somewhere",))
plain.start()
plain.join()
1 / 0
"""


class Kept(logging.Handler):
    """Keeps what would be written."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture
def kept():
    """A handler with the filter, on the loggers of a site and of scriptapps."""
    handler = Kept()
    handler.addFilter(RunContextFilter())
    loggers = [logging.getLogger("shop.reports"), logging.getLogger("scriptapps")]
    for logger in loggers:
        logger.addHandler(handler)
    yield handler
    for logger in loggers:
        logger.removeHandler(handler)


def record_of(message: str = "hello", *args: object, **extra: object) -> logging.LogRecord:
    return logging.getLogger("x").makeRecord("x", logging.INFO, "file.py", 1, message, args, None, extra=extra)


async def test_records_of_a_run(site: Site, alice, kept):
    site.folder.write("page.py", SCRIPT)
    viewer = await (await site.browser(alice)).open()
    by_text = {record.getMessage(): record for record in kept.records}
    [failure] = [record for text, record in by_text.items() if "raised" in text]
    for record in (by_text["from the script"], by_text["from its thread"], failure):
        assert record.session_id == viewer.session_id
        assert record.run_id == f"{viewer.session_id[:8]}-1"
        assert (record.script_app, record.user_id) == ("page", alice.pk)
    outside = by_text["from somewhere"]
    assert [getattr(outside, name) for name in RUN_FIELDS] == [None] * 4


def test_what_a_record_says_itself_is_kept():
    record = record_of(run_id="r-1")
    assert RunContextFilter().filter(record)
    assert [getattr(record, name) for name in RUN_FIELDS] == [None, "r-1", None, None]


def test_json_stays_one_line():
    record = record_of('two\nlines "quoted" %s', "é", run_id="r-1", user_id=uuid.UUID(int=7), session_id=None)
    text = JsonFormatter().format(record)
    assert "\n" not in text
    assert json.loads(text) == {
        "time": json.loads(text)["time"],
        "level": "INFO",
        "logger": "x",
        "message": 'two\nlines "quoted" é',
        "run_id": "r-1",
        "user_id": str(uuid.UUID(int=7)),
    }
    assert json.loads(text)["time"].endswith("+00:00")


def test_json_has_the_traceback():
    record = record_of()
    try:
        raise ValueError("broken")
    except ValueError:
        record.exc_info = sys.exc_info()
    assert json.loads(JsonFormatter().format(record))["exception"].endswith("ValueError: broken")


def test_as_a_site_writes_it_in_its_settings():
    name = f"site-{uuid.uuid4()}"
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "filters": {"run": {"()": "scriptapps.logs.RunContextFilter"}},
            "formatters": {"json": {"()": "scriptapps.logs.JsonFormatter"}},
            "handlers": {"out": {"class": "logging.StreamHandler", "filters": ["run"], "formatter": "json"}},
            "loggers": {name: {"handlers": ["out"]}},
        }
    )
    [handler] = logging.getLogger(name).handlers
    assert isinstance(handler.formatter, JsonFormatter)
    assert isinstance(handler.filters[0], RunContextFilter)
