"""Where pods may run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runner.cluster.names import check_key, check_labels, check_object_name
from runner.spec.schema import PipelineSpec, Toleration

STORE_LABEL = "app.kubernetes.io/part-of"
"""Names the store: pods with the same value have it open together."""

_OPERATORS = {"EXISTS": "Exists", "EQUAL": "Equal"}
_EFFECTS = {"NO_SCHEDULE": "NoSchedule", "PREFER_NO_SCHEDULE": "PreferNoSchedule", "NO_EXECUTE": "NoExecute"}


def placement(spec: PipelineSpec, store: str, *, is_embedded: bool) -> dict[str, Any]:
    """Return the fields of a pod's spec that say on which nodes it may run.

    Args:
        spec: Of the pipeline.
        store: The value of `STORE_LABEL`.
        is_embedded: The store is on a volume that one node can have: all its pods go to that node.

    Raises:
        NotAName: (Invalid) of a label, a key or a class.
    """
    fields: dict[str, Any] = {}
    scheduling = spec.scheduling_spec
    if scheduling and scheduling.node_selector:
        check_labels(scheduling.node_selector, "schedulingSpec.nodeSelector")
        fields["nodeSelector"] = dict(scheduling.node_selector)
    if scheduling and scheduling.priority_class_name:
        check_object_name(scheduling.priority_class_name, "schedulingSpec.priorityClassName")
        fields["priorityClassName"] = scheduling.priority_class_name
    if spec.tolerations:
        fields["tolerations"] = [_toleration(each, number) for number, each in enumerate(spec.tolerations)]
    if is_embedded:
        fields["affinity"] = {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [_beside(store)]}}
    return fields


def _beside(store: str) -> Mapping[str, Any]:
    return {"labelSelector": {"matchLabels": {STORE_LABEL: store}}, "topologyKey": "kubernetes.io/hostname"}


def _toleration(toleration: Toleration, number: int) -> dict[str, Any]:
    """Return one toleration; of an operator or effect that is not said Kubernetes takes its own default."""
    place = f"tolerations[{number}]"
    if toleration.key:
        check_key(toleration.key, place)
    if toleration.value:
        check_labels({"value": toleration.value}, place)
    fields = {
        "key": toleration.key,
        "operator": _OPERATORS.get(toleration.operator or ""),
        "value": toleration.value,
        "effect": _EFFECTS.get(toleration.effect or ""),
        "tolerationSeconds": toleration.toleration_seconds,
    }
    return {name: value for name, value in fields.items() if value not in (None, "")}
