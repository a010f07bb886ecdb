from dataclasses import replace
from datetime import UTC, datetime

import pytest

from runner.job.provenance import OBSERVED_INLINE_MAX, Machine, build
from runner.model.job import Attempt, ProcessExit, ResourceUsage
from runner.model.provenance import Observed, ReadKind, canonical

MOMENT = datetime(2026, 11, 22, 9, 30, 0, 123456, tzinfo=UTC)
READ = Observed("labresults", "wärd/1.csv".encode(), ReadKind.GET, MOMENT, MOMENT, 2, "e" * 32, ((0, 10), (20, 30)))


@pytest.fixture
def record(pipeline, identity, job_input):
    def record(**changed):
        values = {
            "key": identity.key,
            "version": 3,
            "pipeline": pipeline,
            "machine": Machine("lab-1", "Linux", "6.1", "x86_64"),
            "environment": {"PATH": "/bin", "AWS_SECRET_ACCESS_KEY": "s3cret", "LC_ALL": "C"},
            "allowed": ("PATH", "LC_*"),
            "inputs": [(job_input, b"\x01\x02")],
            "observed": [READ],
            "attempts": [],
            "clean": lambda text: text.replace("hunter2", "***"),
        }
        return build(**values | changed)

    return record


def test_the_record_has_the_words_of_the_contract(record, identity, job_input):
    document = record()
    assert list(document) == [
        "schema", "job", "spec", "command", "environment", "host", "inputs", "observed", "attempts", "runner",
    ]  # fmt: skip
    assert document["job"] == {"project": "default", "pipeline": "copy", "id": identity.key.id}
    assert document["spec"] == {"digest": "d" * 64, "version": 3}
    assert document["inputs"][0]["commit"] == job_input.commit
    assert document["inputs"][0]["digest"] == "0102"


def test_values_of_variables_are_recorded_by_allow_list_only(record):
    assert record()["environment"] == [
        {"name": "AWS_SECRET_ACCESS_KEY"},
        {"name": "LC_ALL", "value": "C"},
        {"name": "PATH", "value": "/bin"},
    ]


def test_a_secret_that_was_typed_into_the_command_is_not_recorded(record, pipeline):
    transform = replace(pipeline.transform, cmd=("curl", "-u", "me:hunter2"), stdin=("hunter2",))
    document = record(pipeline=replace(pipeline, transform=transform), environment={"PATH": "/hunter2"})
    assert document["command"] == {"cmd": ["curl", "-u", "me:***"], "stdin": ["***"]}
    assert document["environment"] == [{"name": "PATH", "value": "/***"}]


def test_a_read_tells_what_was_sent_and_how_often(record):
    assert record()["observed"] == [
        {
            "input": "labresults",
            "key": "wärd/1.csv",
            "op": "get",
            "etag": "e" * 32,
            "ranges": [[0, 10], [20, 30]],
            "count": 2,
            "first": "2026-11-22T09:30:00.123456Z",
            "last": "2026-11-22T09:30:00.123456Z",
        }
    ]


def test_a_listing_tells_how_far_it_went_and_a_miss_has_no_etag(record):
    listing = replace(READ, op=ReadKind.LIST, key=b"a/", etag="", ranges=(), delimiter=b"/", reached=b"a/z")
    miss = replace(READ, op=ReadKind.MISS, etag="", ranges=())
    first, second = record(observed=[listing, miss])["observed"]
    assert (first["key"], first["delimiter"], first["reached"]) == ("a/", "/", "a/z")
    assert set(second) == {"input", "key", "op", "count", "first", "last"}


def test_attempts_tell_how_each_ended(record):
    usage = ResourceUsage(1.5, 0.5, 1024)
    attempts = [
        Attempt("d", 1, MOMENT, MOMENT, ProcessExit(None, 9, usage), "sh was killed by SIGKILL on try 1 of 2"),
        Attempt("d", 2, MOMENT, MOMENT, ProcessExit(0, None, usage)),
    ]
    first, second = record(attempts=attempts)["attempts"]
    assert (first["try"], first["status"], first["signal"]) == (1, None, 9)
    assert (second["try"], second["status"], second["rusage"]["maxRssBytes"]) == (2, 0, 1024)
    assert "signal" not in second


def test_many_reads_are_named_by_count_and_digest(record):
    reads = [replace(READ, key=b"%d" % n) for n in range(OBSERVED_INLINE_MAX + 1)]
    document = record(observed=reads)
    assert document["observed"] == []
    assert document["observedCount"] == OBSERVED_INLINE_MAX + 1
    assert document["observedDigest"] == record(observed=reads)["observedDigest"]


def test_the_record_has_a_canonical_form(record):
    assert canonical(record()) == canonical(dict(reversed(record().items())))
