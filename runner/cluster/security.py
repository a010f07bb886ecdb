"""Whom containers run as, and what they may not do: the restricted profile of Kubernetes' pod security standards.

Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from runner.model.errors import Invalid

RUNNER_ID = 10001
"""User and group of the runner's image, and of every command whose spec names none."""

_MOST = 2**31 - 1


class UserNotANumber(Invalid):
    """A pod's user is a number: Kubernetes cannot look names up in the image."""


@dataclass(frozen=True, slots=True)
class Identity:
    """User and group by their numbers."""

    uid: int = RUNNER_ID
    gid: int = RUNNER_ID


def identity_of(user: str) -> Identity:
    """Return who ``transform.user`` is, ``uid[:gid]``; the runner's own when it is empty.

    Raises:
        UserNotANumber: (Invalid) it is a name, or too large.
    """
    if not user:
        return Identity()
    uid, _, gid = user.partition(":")
    gid = gid or uid
    if not all(part.isascii() and part.isdecimal() and int(part[:20]) <= _MOST for part in (uid, gid)):
        hint = "write uid[:gid]; docker run IMAGE id shows both"
        raise UserNotANumber(f"transform.user is {user!r}; in a pod it must be numbers", hint=hint)
    return Identity(int(uid), int(gid))


def of_pod(identity: Identity, group_of_volumes: int) -> dict[str, Any]:
    """Return the security context of a pod; *group_of_volumes* can write its volumes, and all containers are in it."""
    return {
        **_runs_as(identity),
        "fsGroup": group_of_volumes,
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def of_container(identity: Identity | None = None) -> dict[str, Any]:
    """Return the security context of a container; *identity* where it is another than the pod's."""
    return {
        **(_runs_as(identity) if identity else {}),
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }


def _runs_as(identity: Identity) -> dict[str, Any]:
    return {"runAsNonRoot": identity.uid != 0, "runAsUser": identity.uid, "runAsGroup": identity.gid}
