"""A job of many datums, told by the command line."""

import pytest


@pytest.fixture
def counted(spec):
    """Count the bytes of each file below 2026, in a folder of its own."""
    script = 'd=$RUNNER_PFS/out/$(basename "$labresults"); mkdir "$d"; cat "$labresults"/* | wc -c > "$d/bytes"'
    return spec(script, input={"pfs": {"repo": "labresults", "glob": "/2026/*"}}, s3_out=False)


def test_a_datum_is_told_with_its_files_and_tries(runner, counted, labresults):
    job = runner("run", counted, "--input", f"labresults={labresults}").out.strip()
    found = runner("datum", "list", job, "-o", "json").document
    assert [each["state"] for each in found] == ["SUCCESS", "SUCCESS"]
    assert [each["data"][0]["file"]["path"] for each in found] == ["/2026/ward-03/", "/2026/ward-07/"]
    assert [each["data"][0]["fileType"] for each in found] == ["DIR", "DIR"]
    assert [(each["objects"], each["data"][0]["sizeBytes"]) for each in found] == [(1, 2000), (1, 20)]
    assert "labresults:/2026/ward-03/" in runner("datum", "list", job).out
    told = runner("datum", "inspect", job, found[1]["datum"]["id"][:12]).out
    assert all(fact in told for fact in (found[1]["datum"]["id"], "succeeded", "/2026/ward-07/", "exited 0"))
    assert runner("datum", "inspect", job, "zz").status == 2
    assert runner("file", "cat", "lab_summary@master:/ward-07/bytes").out.strip() == "20"


def test_what_is_as_it_was_is_skipped_and_said_so(runner, counted, labresults):
    runner("run", counted, "--input", f"labresults={labresults}")
    again = runner("run", counted)
    assert again.status == 0
    assert "all 2 datums are as they were" in again.err
    job = again.out.strip()
    assert [each["state"] for each in runner("datum", "list", job, "-o", "json").document] == ["SKIPPED", "SKIPPED"]
    assert "skipped" in runner("datum", "list", job).out
    assert "2 skipped of 2" in runner("job", "inspect", job).out
    assert runner("file", "cat", "lab_summary@master:/ward-07/bytes").out.strip() == "20"
    job = runner("run", counted, "--reprocess").out.strip()
    assert [each["state"] for each in runner("datum", "list", job, "-o", "json").document] == ["SUCCESS", "SUCCESS"]


def test_datums_that_were_never_tried_are_told_apart(runner, spec, labresults):
    script = "test -e $RUNNER_PFS/none || sleep 30"
    slow = spec(script, input={"pfs": {"repo": "labresults", "glob": "/**"}}, s3_out=False, job_timeout="1s")
    said = runner("run", slow, "--input", f"labresults={labresults}", "-o", "json")
    assert said.status == 124
    states = [each["state"] for each in runner("datum", "list", said.document["job"]["id"], "-o", "json").document]
    assert states == ["FAILED", *["UNKNOWN"] * 5]
    assert "not run" in runner("datum", "list", said.document["job"]["id"]).out


def test_a_store_is_sound_after_all_this(runner, counted, labresults):
    for _ in range(2):
        runner("run", counted, "--input", f"labresults={labresults}")
        (labresults / "2026" / "ward-03" / "hba1c.csv").write_bytes(b"changed")
    assert runner("store", "check", "-o", "json").document["problems"] == []
