"""What is asked for beside the spec."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

CLAIM = "runner-store"
"""Of the store, unless another is named."""

S3_PORT = 1600
ADMIN_PORT = 1680


class Topology(StrEnum):
    """How runner and code meet."""

    JOB = "job"
    SIDECAR = "sidecar"
    WORKER = "worker"


@dataclass(frozen=True, slots=True)
class SecretKey:
    """One key of a Secret."""

    name: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """How a pipeline is to stand in a cluster.

    Attributes:
        topology: A job whose command the runner wraps, one beside which it runs, or a deployment of workers.
        image: Of the command; empty: the spec's.
        runner_image: Of the runner; the sidecar's, else copied into the pod. Empty: the command's image has it.
        name: Base of every name; empty: made of project and pipeline.
        namespace: Empty: that of whoever applies the manifests.
        service_account: Empty: the namespace's default.
        store_claim: The persistent volume claim that holds the embedded store.
        store_secret: Holds the URL of a PostgreSQL store, in place of the claim; None: the store is embedded.
        blobs: URL of that store's blobs.
        has_service: Whether other pods are to reach what listens.
        grace_seconds: Between SIGTERM to the command and its SIGKILL.
    """

    topology: Topology = Topology.JOB
    image: str = ""
    runner_image: str = ""
    name: str = ""
    namespace: str = ""
    service_account: str = ""
    store_claim: str = CLAIM
    store_secret: SecretKey | None = None
    blobs: str = ""
    has_service: bool = False
    grace_seconds: float = 25.0


def ports_of(request: Request) -> dict[str, int]:
    """Return what listens on the pod's own address, by name."""
    if request.topology is Topology.WORKER:
        return {"admin": ADMIN_PORT}
    if not request.has_service:
        return {}
    return {"s3": S3_PORT, "admin": ADMIN_PORT} if request.topology is Topology.SIDECAR else {"s3": S3_PORT}
