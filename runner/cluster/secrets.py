"""Secrets of a spec as volumes and variables of a pod; their values stay in the cluster."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from runner.cluster.names import check_data_key, check_object_name, check_variable
from runner.cluster.volumes import Place
from runner.model.errors import Invalid
from runner.model.pipeline import Secret

FOLDER = "/var/run/secrets/runner"
"""Where the runner finds secrets as ``<name>/<key>``."""

_READABLE_BY_GROUP = 0o440


class PathRefused(Invalid):
    """A secret is to appear under a path that is none."""


def check_secrets(secrets: Sequence[Secret]) -> None:
    """Refuse secrets that Kubernetes cannot hold or show; raises `NotAName`, `PathRefused`."""
    for number, secret in enumerate(secrets):
        place = f"transform.secrets[{number}]"
        check_object_name(secret.name, f"{place}.name")
        if secret.key:
            check_data_key(secret.key, f"{place}.key")
        if secret.env_var:
            check_variable(secret.env_var, f"{place}.envVar")
        if secret.mount_path and (":" in secret.mount_path or "/.." in f"{secret.mount_path}/"):
            raise PathRefused(f"{place}.mountPath is {secret.mount_path!r}; it must be a plain path")


def for_runner(secrets: Sequence[Secret]) -> list[Place]:
    """Return each secret as a folder, whole, where the runner reads what it hands on and what it hides in logs."""
    names = dict.fromkeys(secret.name for secret in secrets)
    return [
        Place(
            f"secret-{number}",
            {"secret": {"secretName": name, "defaultMode": _READABLE_BY_GROUP}},
            f"{FOLDER}/{name}",
            is_read_only=True,
        )
        for number, name in enumerate(names)
    ]


def for_command(secrets: Sequence[Secret]) -> list[Place]:
    """Return the folders in which the spec wants secrets to appear; several may share one."""
    folders: dict[str, dict[tuple[str, str], None]] = {}
    for secret in secrets:
        if secret.mount_path:
            path = secret.mount_path.rstrip("/") or "/"
            folders.setdefault(path, {})[secret.name, secret.key] = None
    return [
        Place(
            f"mount-{number}",
            {"projected": {"defaultMode": _READABLE_BY_GROUP, "sources": [_source(*which) for which in wanted]}},
            path,
            is_read_only=True,
        )
        for number, (path, wanted) in enumerate(folders.items())
    ]


def variables(secrets: Sequence[Secret]) -> list[dict[str, Any]]:
    """Return the variables that the spec wants secrets in; of two with one name the later, as where the runner does."""
    last = {secret.env_var: secret for secret in secrets if secret.env_var}
    return [variable(name, secret.name, secret.key) for name, secret in last.items()]


def variable(name: str, secret: str, key: str) -> dict[str, Any]:
    """Return one variable with the value of a key."""
    return {"name": name, "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}}


def _source(name: str, key: str) -> dict[str, Any]:
    items = {"items": [{"key": key, "path": key}]} if key else {}
    return {"secret": {"name": name, **items}}
