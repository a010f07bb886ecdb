"""What the spec itself says of its pod: ``podSpec``, a merge patch, then ``podPatch``, operations of RFC 6902.

Both see the pod's spec, as in Pachyderm: ``/containers/0`` is the command's container.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from runner.cluster.containers import COMMAND
from runner.model.errors import Invalid
from runner.spec.effective import merge
from runner.spec.schema import PipelineSpec


class PatchRefused(Invalid):
    """A patch of the spec does not fit its pod, or takes from it what it cannot do without."""


def patched(pod: Mapping[str, Any], spec: PipelineSpec) -> dict[str, Any]:
    """Return the spec of a pod with both patches applied.

    Raises:
        PatchRefused: (Invalid)
    """
    result = merge(pod, json.loads(spec.pod_spec)) if spec.pod_spec else dict(pod)
    place = "podSpec"
    if spec.pod_patch:
        result, place = _operated(result, json.loads(spec.pod_patch)), "podPatch"
    if result == pod:
        return result
    if not any(isinstance(each, dict) and each.get("name") == COMMAND for each in _list(result, "containers")):
        raise PatchRefused(f"{place} leaves the pod without its container {COMMAND!r}, in which the command runs")
    if result.get("restartPolicy") != pod["restartPolicy"]:
        raise PatchRefused(f"{place} changes restartPolicy, which is {pod['restartPolicy']} in this topology")
    return result


def _operated(pod: Mapping[str, Any], operations: list[dict[str, Any]]) -> dict[str, Any]:
    import jsonpatch
    from jsonpointer import JsonPointerException

    result: Any = dict(pod)
    for number, operation in enumerate(operations):
        try:
            result = jsonpatch.JsonPatch([operation]).apply(result)
        except (jsonpatch.JsonPatchException, JsonPointerException, TypeError, ValueError, LookupError) as exc:
            what = " ".join(str(operation.get(part, "")) for part in ("op", "path"))
            raise PatchRefused(f"podPatch[{number}], {what}, does not fit the pod: {exc}") from exc
    if not isinstance(result, dict):
        raise PatchRefused("podPatch replaces the pod by something else")
    return result


def _list(pod: Mapping[str, Any], name: str) -> list[Any]:
    found = pod.get(name)
    return found if isinstance(found, list) else []
