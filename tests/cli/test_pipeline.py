"""Registered pipelines at the command line."""

import pytest


@pytest.fixture
def made(runner, spec, labresults):
    """A pipeline that is registered, with a job that waits."""
    assert runner("file", "put", "-r", str(labresults), "labresults@master").status == 0
    said = runner("pipeline", "create", spec("true"))
    assert said == (0, "", "made the pipeline lab_summary, now at version 1\n")
    return runner


def waiting(runner):
    return [each["state"] for each in runner("job", "list", "-o", "json").document]


def test_a_pipeline_is_made_with_its_first_job_and_listed_in_pachyderms_words(made, spec):
    (listed,) = made("pipeline", "list", "-o", "json").document
    assert {name: listed[name] for name in ("version", "state", "stopped", "type", "lastJobState")} == {
        "version": 1,
        "state": "PIPELINE_RUNNING",
        "stopped": False,
        "type": "PIPELINE_TYPE_TRANSFORM",
        "lastJobState": "JOB_CREATED",
    }
    assert "running" in made("pipeline", "list").out
    again = made("pipeline", "create", spec("true"))
    assert (again.status, "runner pipeline update changes it" in again.err) == (3, True)


def test_an_input_that_is_not_there_is_said(runner, spec):
    said = runner("pipeline", "create", spec("true"))
    assert (said.status, "there is no repo labresults" in said.err) == (2, True)


def test_an_update_is_the_next_version_and_the_waiting_job_is_of_it(made, spec):
    assert made("pipeline", "update", spec("false"), "-o", "json").document["version"] == 2
    assert made("pipeline", "update", spec("false")).err == "the pipeline lab_summary stays at version 2\n"
    assert made("pipeline", "update", spec("false"), "--reprocess", "-o", "json").document["version"] == 3
    (job,) = made("job", "list", "-o", "json").document
    assert job["pipelineVersion"] == 3
    assert "3 of 3" in made("pipeline", "inspect", "lab_summary").out


def test_a_stopped_pipeline_is_started_again(made):
    assert made("pipeline", "stop", "lab_summary").err == "stopped the pipeline lab_summary\n"
    assert made("pipeline", "inspect", "lab_summary", "-o", "json").document["state"] == "PIPELINE_PAUSED"
    said = made("pipeline", "run", "lab_summary")
    assert (said.status, "runner pipeline start lab_summary" in said.err) == (3, True)
    assert made("pipeline", "start", "lab_summary").status == 0
    assert waiting(made) == ["JOB_CREATED"]


def test_a_run_prints_the_job_that_it_made(made):
    name, _, id_ = made("pipeline", "run", "lab_summary").out.strip().partition("@")
    assert (name, len(id_)) == ("lab_summary", 32)
    assert waiting(made) == ["JOB_CREATED"] * 2


def test_a_waiting_job_is_stopped_waited_for_and_deleted(made):
    (job,) = made("job", "list", "-o", "json").document
    name = f"lab_summary@{job['job']['id']}"
    refused = made("job", "delete", name)
    assert (refused.status, f"runner job stop {name}" in refused.err) == (3, True)
    assert made("job", "stop", name, "-o", "json").document["reason"] == "job stopped"
    assert made("job", "wait", job["job"]["id"]).status == 143
    assert made("job", "stop", name).status == 3
    assert made("job", "rerun", name).out.startswith("lab_summary@")
    assert made("job", "delete", name).status == 0
    assert waiting(made) == ["JOB_CREATED"]


def test_a_pipeline_that_others_read_is_deleted_by_force_alone(made, spec, runner):
    below = spec("true", name="below", input={"pfs": {"repo": "lab_summary", "glob": "/", "s3": True}})
    assert made("pipeline", "create", below).status == 0
    refused = made("pipeline", "delete", "lab_summary")
    assert (refused.status, "below read what the pipeline lab_summary writes" in refused.err) == (3, True)
    assert made("repo", "delete", "lab_summary").status == 3
    assert made("pipeline", "delete", "--force", "lab_summary").status == 0
    assert [each["pipeline"]["name"] for each in made("pipeline", "list", "-o", "json").document] == ["below"]
    assert {each["repo"]["name"] for each in made("repo", "list", "-o", "json").document} == {"labresults", "below"}


def test_a_run_by_hand_of_another_spec_is_refused_on_the_branch_of_the_pipeline(made, spec, labresults):
    said = made("run", spec("echo other"))
    assert said.status == 2
    assert "--branch NAME" in said.err
    assert "runner pipeline update" in said.err
    assert made("run", spec("echo other"), "--branch", "trial", "--no-trigger").status == 0
    assert made("pipeline", "list", "-o", "json").document[0]["newestVersion"] == 2


def test_a_worker_without_a_pipeline_has_nothing_to_do(runner):
    said = runner("worker")
    assert (said.status, "needs a SPEC, or --pipeline NAME" in said.err) == (2, True)
