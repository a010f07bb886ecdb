"""From a pipeline to the manifests that put it into a cluster."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from runner.cluster import names, pods
from runner.cluster.containers import COMMAND
from runner.cluster.patches import patched
from runner.cluster.policy import KEPT_SECONDS, RETRIES, deadline_seconds, failure_policy
from runner.cluster.request import Request, Topology, ports_of
from runner.cluster.scheduling import STORE_LABEL
from runner.cluster.volumes import SPEC_FILE, STDIN_FILE
from runner.model.errors import Invalid
from runner.model.pipeline import Pipeline
from runner.spec.dump import as_yaml
from runner.spec.schema import PipelineSpec
from runner.spec.source import SIZE_LIMIT_BYTES

Manifest = Mapping[str, Any]

_DIGEST_DIGITS = 12
_MOST_REPLICAS = 2**31 - 1


class TooManyWorkers(Invalid):
    """More than a Deployment can have."""


class SpecTooLarge(Invalid):
    """More, written out with its defaults, than is read again in the pod; of that a ConfigMap holds two."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """Manifests in the order in which they are applied, and what their reader should know."""

    manifests: tuple[Manifest, ...]
    remarks: tuple[str, ...] = ()


def render(pipeline: Pipeline, request: Request) -> Rendered:
    """Return the manifests of *pipeline*; the same again for the same arguments.

    A ConfigMap holds the spec and never changes: another spec is another ConfigMap. So it is with a Job, whose pods
    cannot be changed either; a Deployment keeps its name and rolls on.

    Raises:
        Invalid: Kubernetes would not take what spec or request say.
    """
    _check(request)
    spec = PipelineSpec.model_validate(pipeline.spec)
    base = request.name or names.base_name(pipeline.project, pipeline.name)
    config = {"data": {SPEC_FILE: _spec_text(pipeline), **_stdin(pipeline, request)}}
    config_name = names.with_digest(base, config)
    pod = patched(pods.pod_of(pipeline, spec, request, config_name), spec)
    if request.topology is Topology.WORKER:
        marks = _Marks(pipeline, spec, request, base)
        api, kind = "apps/v1", "Deployment"
        body = {"replicas": _replicas(spec), "selector": {"matchLabels": marks.selector}}
    else:
        api, kind, body = "batch/v1", "Job", _job(pipeline, request)
        draft = _Marks(pipeline, spec, request, base).of_pod()
        marks = _Marks(pipeline, spec, request, names.with_digest(base, {**body, "metadata": draft, "spec": pod}))
    body = {**body, "template": {"metadata": marks.of_pod(), "spec": pod}}
    config_map = {"metadata": marks.named(config_name), "immutable": True, **config}
    manifests: list[Manifest] = [
        {"apiVersion": "v1", "kind": "ConfigMap", **config_map},
        {"apiVersion": api, "kind": kind, "metadata": marks.named(marks.name, with_users=True), "spec": body},
    ]
    if request.has_service:
        service = {"selector": marks.selector, "ports": _ports(request)}
        manifests.insert(
            1, {"apiVersion": "v1", "kind": "Service", "metadata": marks.named(marks.name), "spec": service}
        )
    return Rendered(tuple(manifests), tuple(_remarks(spec, request)))


def _check(request: Request) -> None:
    """Refuse what cannot be a name in a cluster; raises `NotAName`."""
    if request.name:
        names.check_base_name(request.name, "--name")
    if request.namespace:
        names.check_namespace(request.namespace, "--namespace")
    if request.service_account:
        names.check_object_name(request.service_account, "--service-account")
    if request.store_secret is not None:
        names.check_object_name(request.store_secret.name, "the name of --store-secret")
        names.check_data_key(request.store_secret.key, "the key of --store-secret")
    else:
        names.check_object_name(request.store_claim, "--store-claim")


class _Marks:
    """Labels and annotations of one pipeline's objects; what the spec says never wins over ours."""

    def __init__(self, pipeline: Pipeline, spec: PipelineSpec, request: Request, name: str) -> None:
        said = spec.metadata
        self._users_labels = dict((said and said.labels) or {})
        self._users_annotations = dict((said and said.annotations) or {})
        names.check_labels(self._users_labels, "metadata.labels")
        for key in self._users_annotations:
            names.check_key(key, "metadata.annotations")
        self.name = name
        self._namespace = request.namespace
        self.selector = {"app.kubernetes.io/name": "runner", "app.kubernetes.io/instance": name}
        self._labels = {
            **self.selector,
            "app.kubernetes.io/component": request.topology.value,
            "app.kubernetes.io/version": pipeline.digest[:_DIGEST_DIGITS],
            STORE_LABEL: pods.store_label(request),
            "app.kubernetes.io/managed-by": "runner",
            "pipelineProject": names.label_value(pipeline.project),  # Pachyderm's, which selectors go by
            "pipelineName": names.label_value(pipeline.name),
        }

    def named(self, name: str, *, with_users: bool = False) -> dict[str, Any]:
        """Return the metadata of one object."""
        place = {"namespace": self._namespace} if self._namespace else {}
        return {"name": name, **place, **(self.of_pod() if with_users else {"labels": self._labels})}

    def of_pod(self) -> dict[str, Any]:
        """Return the metadata of the pods, the spec's own among it."""
        annotations = {"annotations": self._users_annotations} if self._users_annotations else {}
        return {"labels": {**self._users_labels, **self._labels}, **annotations}


def _job(pipeline: Pipeline, request: Request) -> dict[str, Any]:
    deadline = deadline_seconds(pipeline.job_timeout_seconds, pods.grace_of(request))
    return {
        "completions": 1,
        "parallelism": 1,
        "backoffLimit": RETRIES,
        **({"activeDeadlineSeconds": deadline} if deadline else {}),
        "ttlSecondsAfterFinished": KEPT_SECONDS,
        "podReplacementPolicy": "Failed",  # never two that write for one branch
        "podFailurePolicy": failure_policy(COMMAND),
    }


def _stdin(pipeline: Pipeline, request: Request) -> dict[str, str]:
    """Return what a command reads that no runner starts."""
    lines = pipeline.transform.stdin
    return {} if lines is None or request.topology is not Topology.SIDECAR else {STDIN_FILE: "\n".join(lines) + "\n"}


def _spec_text(pipeline: Pipeline) -> str:
    """Return the effective spec as the pod reads it; raises `SpecTooLarge`."""
    text = as_yaml(pipeline.spec)
    size = len(text.encode())
    if size > SIZE_LIMIT_BYTES:
        hint = "put what is long in transform.stdin or transform.env into the image"
        raise SpecTooLarge(f"written out the spec has {size} bytes, where {SIZE_LIMIT_BYTES} are allowed", hint=hint)
    return text


def _replicas(spec: PipelineSpec) -> int:
    count = (spec.parallelism_spec and spec.parallelism_spec.constant) or 1
    if count > _MOST_REPLICAS:
        raise TooManyWorkers(f"parallelismSpec.constant is {count}; it must be at most {_MOST_REPLICAS}")
    return count


def _ports(request: Request) -> list[dict[str, Any]]:
    return [
        {"name": name, "port": port, "targetPort": port, "appProtocol": "http"}
        for name, port in ports_of(request).items()
    ]


def _remarks(spec: PipelineSpec, request: Request) -> list[str]:
    """Say what of the spec has no effect in this topology, and what weakens it."""
    remarks = []
    if request.topology is not Topology.WORKER and _replicas(spec) > 1:
        remarks.append("parallelismSpec.constant counts workers; a job has one pod")
    has_sidecar = request.topology is Topology.SIDECAR or request.runner_image
    if not has_sidecar and (spec.sidecar_resource_requests or spec.sidecar_resource_limits):
        remarks.append("sidecarResourceRequests and sidecarResourceLimits are of a container that this pod has not")
    user = (spec.transform and spec.transform.user) or ""
    if user and user.partition(":")[0].strip("0") == "":
        remarks.append("transform.user is root, which many clusters refuse")
    return remarks
