"""The pod of each topology."""

from __future__ import annotations

import math
from typing import Any

from runner.cluster import secrets, volumes
from runner.cluster.containers import Containers
from runner.cluster.names import check_object_name, label_value
from runner.cluster.request import Request, Topology
from runner.cluster.scheduling import placement
from runner.cluster.security import RUNNER_ID, of_pod
from runner.model.errors import Invalid
from runner.model.pipeline import PfsInput, Pipeline
from runner.spec.schema import PipelineSpec

FINALIZE_SECONDS = 60
"""For what was acknowledged to become a commit after the command's own grace."""


class NotBuckets(Invalid):
    """The pipeline needs files, which a sidecar cannot give to another container."""


def pod_of(pipeline: Pipeline, spec: PipelineSpec, request: Request, config_map: str) -> dict[str, Any]:
    """Return the spec of a pod, before the spec's own patches.

    Args:
        pipeline: What runs.
        spec: The same as it was written.
        request: How.
        config_map: Holds the spec.

    Raises:
        Invalid: Kubernetes would not take what the spec says.
    """
    if request.topology is Topology.SIDECAR:
        _check_buckets_alone(pipeline)
    secrets.check_secrets(pipeline.transform.secrets)
    parts = Containers(pipeline, spec, request, config_map)
    is_sidecar = request.topology is Topology.SIDECAR
    before = [parts.sidecar()] if is_sidecar else [parts.installer()] if request.runner_image else []
    containers = [parts.command_beside() if is_sidecar else parts.command_within()]
    is_job = request.topology is not Topology.WORKER
    fields: dict[str, Any] = {
        "restartPolicy": "Never" if is_job else "Always",
        "terminationGracePeriodSeconds": grace_of(request),
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,  # a Service called runner would else set RUNNER_* variables
        "securityContext": of_pod(parts.identity, RUNNER_ID if is_sidecar else parts.identity.gid),
        "initContainers": before,
        "containers": containers,
        "volumes": volumes.volumes_of(parts.places()),
        "serviceAccountName": request.service_account,
        "imagePullSecrets": _pull_secrets(spec),
        **placement(spec, store_label(request), is_embedded=request.store_secret is None),
    }
    return {name: value for name, value in fields.items() if value not in ("", [])}


def _check_buckets_alone(pipeline: Pipeline) -> None:
    """Refuse what a sidecar refuses when it starts, since a pod would wait for it without end."""
    files = next((leaf.name for leaf in pipeline.leaves() if not isinstance(leaf, PfsInput) or not leaf.s3), "")
    if files or not pipeline.s3_out:
        what = f"the input {files!r} is files" if files else "the output is the folder /pfs/out"
        raise NotBuckets(f"{what}, and a sidecar hands over buckets alone", hint="write s3: true, or --topology job")


def grace_of(request: Request) -> int:
    """Return the seconds between SIGTERM to a pod and its end: the command's grace, and time to finalize."""
    return math.ceil(request.grace_seconds) + FINALIZE_SECONDS


def store_label(request: Request) -> str:
    """Return what pods that share a store have in common."""
    return label_value(request.store_secret.name if request.store_secret else request.store_claim)


def _pull_secrets(spec: PipelineSpec) -> list[dict[str, str]]:
    names = (spec.transform and spec.transform.image_pull_secrets) or []
    for number, name in enumerate(names):
        check_object_name(name, f"transform.imagePullSecrets[{number}]")
    return [{"name": name} for name in dict.fromkeys(names)]
