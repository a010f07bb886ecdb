from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.cluster.patches import PatchRefused
from runner.cluster.request import Topology
from runner.model.errors import Invalid
from tests.cluster.pipelines import REQUESTS, container, pod_of, rendered


def _pod(topology=Topology.JOB, **patches):
    said = {name: json.dumps(value) for name, value in patches.items()}
    return pod_of(rendered(said, REQUESTS[topology]))


@pytest.mark.parametrize("topology", Topology)
def test_the_first_container_is_the_command_s_as_patches_for_pachyderm_have_it(topology):
    step = {"op": "replace", "path": "/containers/0/securityContext/readOnlyRootFilesystem", "value": False}
    pod = _pod(topology, podPatch=[step])
    assert pod["containers"][0]["name"] == "user"
    assert pod["containers"][0]["securityContext"]["readOnlyRootFilesystem"] is False


def test_a_merge_patch_merges_replaces_and_removes():
    pod = _pod(podSpec={"affinity": None, "securityContext": {"fsGroup": 7}, "hostAliases": [{"ip": "10.0.0.1"}]})
    assert "affinity" not in pod
    assert pod["securityContext"]["fsGroup"] == 7
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["hostAliases"] == [{"ip": "10.0.0.1"}]


def test_the_merge_patch_comes_before_the_operations():
    steps = [{"op": "test", "path": "/hostname", "value": "a"}, {"op": "replace", "path": "/hostname", "value": "b"}]
    assert _pod(podSpec={"hostname": "a"}, podPatch=steps)["hostname"] == "b"


def test_operations_can_add_volumes_and_variables():
    steps = [
        {"op": "add", "path": "/volumes/-", "value": {"name": "models", "persistentVolumeClaim": {"claimName": "m"}}},
        {"op": "add", "path": "/containers/0/volumeMounts/-", "value": {"name": "models", "mountPath": "/models"}},
        {"op": "add", "path": "/containers/0/env/-", "value": {"name": "RUNNER_JOB_INJECT", "value": "compat"}},
    ]
    pod = _pod(podPatch=steps)
    assert pod["volumes"][-1]["name"] == "models"
    assert container(pod, "user")["env"][-1]["name"] == "RUNNER_JOB_INJECT"


@pytest.mark.parametrize(
    ("step", "why"),
    [
        ({"op": "replace", "path": "/nope/0", "value": 1}, r"podPatch\[1\], replace /nope/0, does not fit the pod"),
        ({"op": "remove", "path": "/containers/7"}, r"podPatch\[1\], remove /containers/7"),
        ({"op": "test", "path": "/restartPolicy", "value": "Always"}, r"podPatch\[1\], test /restartPolicy"),
        ({"op": "explode", "path": "/hostname"}, r"podPatch\[1\], explode /hostname"),
        ({"op": "move", "path": "/hostname"}, r"podPatch\[1\], move /hostname"),
        ({"op": "add", "path": "hostname", "value": 1}, r"podPatch\[1\], add hostname"),
        ({"op": "add", "path": 5, "value": 1}, r"podPatch\[1\], add 5"),
        ({"op": "add", "path": "/containers/x", "value": 1}, r"podPatch\[1\], add /containers/x"),
        ({"op": "add", "path": "", "value": []}, "podPatch replaces the pod"),
        ({"op": "remove", "path": "/containers/0"}, "podPatch leaves the pod without its container 'user'"),
        ({"op": "replace", "path": "/containers", "value": {}}, "podPatch leaves the pod without its container 'user'"),
        ({"op": "replace", "path": "/restartPolicy", "value": "OnFailure"}, "podPatch changes restartPolicy"),
    ],
)
def test_a_patch_that_does_not_fit_is_refused_with_its_number(step, why):
    with pytest.raises(PatchRefused, match=why):
        _pod(podPatch=[{"op": "add", "path": "/hostname", "value": "x"}, step])


def test_a_merge_patch_cannot_take_the_container_either():
    with pytest.raises(PatchRefused, match=r"^podSpec leaves the pod without"):
        _pod(podSpec={"containers": [{"name": "other", "image": "x"}]})


_pointers = st.lists(st.sampled_from(["containers", "0", "-", "env", "", "~", "volumes", "9"]), max_size=4).map(
    lambda parts: "".join(f"/{part}" for part in parts)
)
_json = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=2))
_steps = st.fixed_dictionaries(
    {
        "op": st.sampled_from(["add", "remove", "replace", "move", "copy", "test", "x"]) | _json,
        "path": _pointers | _json,
    },
    optional={"value": _json, "from": _pointers | _json},
)


@given(st.lists(_steps, max_size=3))
@settings(deadline=None)
def test_no_patch_breaks_the_renderer(steps):
    try:
        pod = _pod(podPatch=steps)
    except Invalid:
        return
    assert container(pod, "user")
