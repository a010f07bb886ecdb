"""Which end of a pod is worth another, by the statuses that users are told."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from runner.cluster.pods import FINALIZE_SECONDS
from runner.cluster.policy import FATAL, RETRIED, RETRIES, START_SECONDS
from runner.cluster.request import Topology
from tests.cluster.pipelines import REQUESTS, pod_of, rendered, workload

DOCUMENT = Path(__file__).parents[2] / "docs" / "statuses.md"
JOBS = (Topology.JOB, Topology.SIDECAR)


def _documented():
    rows = re.findall(r"^\| ([0-9N+, ]+) \|", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
    return {part.strip() for row in rows for part in row.split(",")}


def test_every_status_is_decided():
    numbers = {int(text) for text in _documented() if text.isdecimal()} - {0}
    assert numbers <= set(FATAL) | set(RETRIED)
    assert "128+N" in _documented()
    assert {128 + 9, 128 + 15} <= set(RETRIED)
    assert not set(FATAL) & set(RETRIED)


@pytest.mark.parametrize("topology", JOBS)
def test_a_disruption_does_not_count_whatever_the_status(topology):
    rules = workload(rendered(request=REQUESTS[topology]))["spec"]["podFailurePolicy"]["rules"]
    assert rules[0] == {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}


@pytest.mark.parametrize("topology", JOBS)
@pytest.mark.parametrize(
    ("status", "action"),
    [(1, "FailJob"), (2, "FailJob"), (3, "FailJob"), (4, "FailJob"), (124, "FailJob"), (75, "Count"), (143, "Count")],
)
def test_the_status_of_the_command_s_container_decides(topology, status, action):
    rules = workload(rendered(request=REQUESTS[topology]))["spec"]["podFailurePolicy"]["rules"]
    (fits,) = (rule for rule in rules[1:] if status in rule["onExitCodes"]["values"])
    assert (fits["action"], fits["onExitCodes"]["containerName"]) == (action, "user")


def test_two_pods_never_write_at_once_and_failed_ones_are_not_restarted_in_place():
    for topology in JOBS:
        job = workload(rendered(request=REQUESTS[topology]))["spec"]
        assert job["podReplacementPolicy"] == "Failed"
        assert job["template"]["spec"]["restartPolicy"] == "Never"
        assert (job["completions"], job["parallelism"]) == (1, 1)


def test_a_pod_has_the_command_s_grace_and_time_to_finalize():
    for topology in Topology:
        for grace in (0, 25, 299.5):
            request = replace(REQUESTS[topology], grace_seconds=grace)
            pod = pod_of(rendered(request=request))
            assert pod["terminationGracePeriodSeconds"] >= grace + 60
            runner = [*pod["containers"], *pod["initContainers"]]
            said = {one["name"]: one.get("value") for each in runner for one in each.get("env", ())}
            assert float(said["RUNNER_JOB_GRACE_SECONDS"]) == grace


def test_the_deadline_leaves_room_for_every_retry_of_a_job_that_uses_its_time():
    job = workload(rendered({"jobTimeout": "1h"}))["spec"]
    grace = job["template"]["spec"]["terminationGracePeriodSeconds"]
    backoff = sum(min(10 * 2**retry, 360) for retry in range(job["backoffLimit"]))
    assert job["activeDeadlineSeconds"] >= (job["backoffLimit"] + 1) * (3600 + grace) + backoff
    assert "activeDeadlineSeconds" not in workload(rendered())["spec"]


def test_the_documentation_says_the_same():
    text = (DOCUMENT.parent / "kubernetes.md").read_text(encoding="utf-8")
    rows = {
        action: tuple(map(int, re.findall(r"\d+", statuses)))
        for statuses, action in re.findall(r"^\| ([\d, ]+) \| `(\w+)`", text, re.MULTILINE)
    }
    assert rows == {"FailJob": FATAL, "Count": RETRIED}
    assert f"at most {RETRIES} |" in text
    assert f"{FINALIZE_SECONDS} s to finalize" in text
    words = {1: "one", 7: "seven", 10: "ten"}
    assert f"{words[RETRIES + 1]} times the spec's `jobTimeout` with {words[START_SECONDS // 60]} minutes each" in text
