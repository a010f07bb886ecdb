import json
import re

import pytest
import structlog

from runner.host.log import Log
from runner.host.redact import Redactor


@pytest.fixture
def records():
    return []


@pytest.fixture
def log(records):
    log = Log(records.append, redactor=Redactor(["hunter2"]))
    log.install()
    yield log
    structlog.reset_defaults()


@pytest.fixture(autouse=True)
def _unbound():
    structlog.contextvars.clear_contextvars()


def test_an_event_carries_pachyderms_names(log, records):
    with structlog.contextvars.bound_contextvars(project="p", pipeline="copy", job_id="j", datum_id="d", worker_id="w"):
        structlog.get_logger().info("job.started", tries=3)
    (record,) = records
    assert {name: record[name] for name in ("projectName", "pipelineName", "jobId", "datumId", "workerId")} == {
        "projectName": "p", "pipelineName": "copy", "jobId": "j", "datumId": "d", "workerId": "w",
    }  # fmt: skip
    assert (record["level"], record["event"], record["tries"]) == ("info", "job.started", 3)
    assert record["message"] == "job started"


def test_time_has_nanoseconds(log):
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", log.record("info", "a.b", {})["ts"])


def test_a_line_of_the_user_is_marked(log):
    (record,) = log.user_records("stderr", ["boo"])
    assert (record["user"], record["stream"], record["message"]) == (True, "stderr", "boo")
    assert (record["level"], record["event"]) == ("info", "line.written")


def test_no_secret_is_in_a_record_however_deep(log, records):
    structlog.get_logger().warning("request.failed", url="?key=hunter2", nested={"hunter2": [b"hunter2", {"hunter2"}]})
    assert "hunter2" not in json.dumps(records)


def test_every_record_is_json(log, records):
    structlog.get_logger().error("store.failed", error=ValueError("x"), raw=b"\xff\x00", text="\x1b[31m\n")
    assert json.loads(json.dumps(records[0]))["raw"] == "\\xff\x00"


def test_quiet_events_are_not_handed_on_but_lines_of_the_user_are(log, records):
    structlog.get_logger().debug("object.put")
    log.hand_on(log.record("debug", "object.put", {}))
    log.hand_on(*log.user_records("stdout", ["line"]))
    assert [record["message"] for record in records] == ["line"]
