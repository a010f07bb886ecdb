"""Every field with the fate *kubernetes* changes what runs in the cluster, not only the spec that is shown there."""

import json

import pytest

from runner.cluster.request import Topology
from runner.spec.fates import Fate, walk
from runner.spec.schema import PipelineSpec
from tests.cluster.pipelines import REQUESTS, rendered, workload

_RESOURCES = {
    "cpu": ({}, 0.5),
    "memory": ({}, "1Gi"),
    "disk": ({}, "5G"),
    "gpu.type": ({"gpu": {"number": 1}}, {"gpu": {"number": 1, "type": "amd.com/gpu"}}),
    "gpu.number": ({"gpu": {"number": 1}}, {"gpu": {"number": 2}}),
}
FIELDS = {
    "metadata.annotations": ({}, {"metadata": {"annotations": {"a": "b"}}}),
    "metadata.labels": ({}, {"metadata": {"labels": {"a": "b"}}}),
    "transform.imagePullSecrets": ({}, {"transform": {"imagePullSecrets": ["registry"]}}),
    "transform.memoryVolume": ({}, {"transform": {"memoryVolume": True}}),
    "parallelismSpec.constant": ({}, {"parallelismSpec": {"constant": 3}}),
    "schedulingSpec.nodeSelector": ({}, {"schedulingSpec": {"nodeSelector": {"disk": "ssd"}}}),
    "schedulingSpec.priorityClassName": ({}, {"schedulingSpec": {"priorityClassName": "low"}}),
    "podSpec": ({}, {"podSpec": json.dumps({"hostNetwork": True})}),
    "podPatch": ({}, {"podPatch": json.dumps([{"op": "add", "path": "/hostname", "value": "x"}])}),
    "tolerations[].key": ({"tolerations": [{"key": "a"}]}, {"tolerations": [{"key": "b"}]}),
    "tolerations[].operator": ({"tolerations": [{"key": "a"}]}, {"tolerations": [{"key": "a", "operator": "EXISTS"}]}),
    "tolerations[].value": ({"tolerations": [{"key": "a"}]}, {"tolerations": [{"key": "a", "value": "b"}]}),
    "tolerations[].effect": ({"tolerations": [{"key": "a"}]}, {"tolerations": [{"key": "a", "effect": "NO_EXECUTE"}]}),
    "tolerations[].tolerationSeconds": (
        {"tolerations": [{"key": "a", "effect": "NO_EXECUTE"}]},
        {"tolerations": [{"key": "a", "effect": "NO_EXECUTE", "tolerationSeconds": 0}]},
    ),
    **{
        f"{block}.{name}": ({block: without}, {block: given if isinstance(given, dict) else {name: given}})
        for block in ("resourceRequests", "resourceLimits", "sidecarResourceRequests", "sidecarResourceLimits")
        for name, (without, given) in _RESOURCES.items()
    },
}


def _leaves():
    return {path for path, field in walk(PipelineSpec) if field.fate is Fate.KUBERNETES and field.message is None}


# Held on this machine too, so that their fate is another.
ALSO = {"resourceLimits.cpu", "resourceLimits.memory", "resourceLimits.disk"}


def test_every_field_of_this_fate_is_tried():
    assert set(FIELDS) == _leaves() | ALSO


def _what_runs(changes, topology):
    """Return the workload without what only says which spec it is of."""
    manifest = json.loads(json.dumps(workload(rendered(changes, REQUESTS[topology]))))
    del manifest["metadata"]["name"]
    for metadata in (manifest["metadata"], manifest["spec"]["template"]["metadata"]):
        del metadata["labels"]["app.kubernetes.io/version"], metadata["labels"]["app.kubernetes.io/instance"]
    for volume in manifest["spec"]["template"]["spec"]["volumes"]:
        volume.pop("configMap", None)
    return manifest


@pytest.mark.parametrize("field", sorted(FIELDS))
def test_giving_it_changes_what_runs(field):
    without, given = FIELDS[field]
    assert any(_what_runs(without, topology) != _what_runs(given, topology) for topology in Topology)


def test_another_field_changes_nothing_of_it():
    for topology in Topology:
        assert _what_runs({}, topology) == _what_runs({"description": "x", "salt": "y", "datumTries": 2}, topology)
