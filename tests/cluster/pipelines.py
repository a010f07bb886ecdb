"""Pipelines for the tests of manifests, rendered in every topology."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from runner.cluster.render import Rendered, render
from runner.cluster.request import Request, SecretKey, Topology
from runner.model.pipeline import Pipeline
from runner.spec.effective import merge
from runner.spec.pipelines import read_pipelines

MINIMAL: Mapping[str, Any] = {
    "pipeline": {"name": "edges"},
    "transform": {"cmd": ["sh"], "image": "example.com/edges:1"},
    "input": {"pfs": {"repo": "images", "glob": "/", "s3": True}},
    "s3Out": True,
}
REQUESTS = {topology: Request(topology=topology, runner_image="example.com/runner:1") for topology in Topology}
POSTGRESQL = {"store_secret": SecretKey("store", "url"), "blobs": "s3://blobs/runner"}


def pipeline_with(changes: Mapping[str, Any] | None = None) -> Pipeline:
    """Return the minimal pipeline with *changes* merged in; null removes."""
    (loaded,) = read_pipelines("spec.json", json.dumps(merge(MINIMAL, changes or {})).encode())
    return loaded.pipeline


def rendered(changes: Mapping[str, Any] | None = None, request: Request = REQUESTS[Topology.JOB]) -> Rendered:
    return render(pipeline_with(changes), request)


def workload(manifests: Rendered | tuple[Mapping[str, Any], ...]) -> Mapping[str, Any]:
    """Return the Job or Deployment."""
    found = manifests.manifests if isinstance(manifests, Rendered) else manifests
    (only,) = (each for each in found if each["kind"] in {"Job", "Deployment"})
    return only


def template_of(manifests: Rendered) -> dict[str, Any]:
    return workload(manifests)["spec"]["template"]


def pod_of(manifests: Rendered) -> dict[str, Any]:
    return template_of(manifests)["spec"]


def container(pod: Mapping[str, Any], name: str) -> dict[str, Any]:
    (only,) = (each for each in (*pod["containers"], *pod.get("initContainers", ())) if each["name"] == name)
    return only


def containers(pod: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [*pod["containers"], *pod.get("initContainers", ())]
