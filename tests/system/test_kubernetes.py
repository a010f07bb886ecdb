"""Rendered manifests before the code with which an API server judges them: Kubernetes 1.37, compiled here.

A server would also run admission plugins of the cluster, and needs etcd; what is judged here is the objects themselves.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runner.cluster.text import as_yaml
from tests.cluster.pipelines import REQUESTS, rendered
from tests.cluster.specs import any_changes, any_request
from tests.system.installed import ROOT, ToolMissing

pytestmark = pytest.mark.timeout(2400)  # the first time the server's code is compiled

Judge = Callable[[str], Sequence[str]]


@pytest.fixture(scope="session")
def judge(tmp_path_factory) -> Judge:
    """Give what says of YAML documents how many they are and what is wrong with them, a line each."""
    go = shutil.which("go")
    if go is None:
        raise ToolMissing("go is not on PATH; this lane cannot install it")
    program = tmp_path_factory.mktemp("apiserver") / "judge"
    source = Path(__file__).with_name("apiserver")
    built = subprocess.run(
        [go, "build", "-trimpath", "-o", str(program), "."], check=False, cwd=source, capture_output=True, text=True
    )
    assert built.returncode == 0, built.stderr

    def ask(text: str) -> list[str]:
        return subprocess.run([program], input=text, stdout=subprocess.PIPE, text=True, check=False).stdout.splitlines()

    return ask


_no_root = any_changes.filter(lambda changes: changes["transform"].get("user") != "0")


@given(many=st.lists(st.tuples(_no_root, any_request), min_size=10, max_size=10))
@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_server_takes_the_manifests_of_any_valid_spec(judge, many):
    manifests = [manifest for changes, request in many for manifest in rendered(changes, request).manifests]
    assert judge(as_yaml(manifests)) == [f"{len(manifests)} objects, 0 problems"]


@pytest.mark.parametrize(("file", "count"), [("store.yaml", 1), ("serve.yaml", 2)])
def test_a_server_takes_the_examples(judge, file, count):
    text = (ROOT / "conf" / "kubernetes" / file).read_text(encoding="utf-8")
    assert judge(text) == [f"{count} objects, 0 problems"]


@pytest.mark.parametrize(
    ("right", "wrong", "why"),
    [
        ("restartPolicy: Never", "restartPolicy: OnFailure", 'only "Never" is supported'),
        ("containerName: user", "containerName: nobody", "must be one of the container or initContainer names"),
        ("mountPath: /pfs", "mountPath: /tmp", "must be unique"),
        ("mountPath: /pfs", "mountpath: /pfs", "unknown field"),
        ("app.kubernetes.io/name: runner", "app.kubernetes.io/name: -runner", "Invalid value"),
        ("runAsNonRoot: true", "runAsNonRoot: false", "restricted: runAsNonRoot != true"),
        ("- ALL", "- CHOWN", "restricted: unrestricted capabilities"),
        ("backoffLimit: 6", "backoffLimit: six", "cannot unmarshal"),
        ("podReplacementPolicy: Failed", "podReplacementPolicy: TerminatingOrFailed", "podReplacementPolicy"),
    ],
)
def test_a_server_refuses_what_is_wrong(judge, right, wrong, why):
    text = as_yaml(rendered().manifests)
    assert right in text
    *problems, _ = judge(text.replace(right, wrong))
    assert any(why in problem for problem in problems)


def test_root_is_what_the_restricted_profile_refuses(judge):
    *problems, _ = judge(as_yaml(rendered({"transform": {"user": "0"}}, next(iter(REQUESTS.values()))).manifests))
    assert {problem.partition(":")[0] for problem in problems} == {"restricted"}
