"""Volumes of a pod, and where its containers have them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from runner.model.errors import Invalid

SPEC_FILE = "spec.yaml"
SPEC = f"/etc/runner/{SPEC_FILE}"
STDIN_FILE = "stdin"
STDIN = f"/etc/runner/{STDIN_FILE}"
STORE = "/var/lib/runner"
RUNTIME = "/opt/runner"
SHARE = "/runner-share"
_SHARE_LIMIT = "16Mi"  # variables, a script, two numbers


class PathTaken(Invalid):
    """Two volumes are to appear in one place."""


@dataclass(frozen=True, slots=True)
class Place:
    """A volume, and where it is mounted.

    Attributes:
        volume: Its name in the pod.
        source: What it is, as Kubernetes has it.
        sub_path: Of a file of it that is mounted alone.
    """

    volume: str
    source: Mapping[str, Any]
    path: str
    is_read_only: bool = False
    sub_path: str = ""

    def mount(self) -> dict[str, Any]:
        """Return the container's half."""
        fields = {"name": self.volume, "mountPath": self.path, "subPath": self.sub_path, "readOnly": self.is_read_only}
        return {name: value for name, value in fields.items() if value}

    def as_volume(self) -> dict[str, Any]:
        """Return the pod's half."""
        return {"name": self.volume, **self.source}


def spec_file(config_map: str) -> Place:
    """Return the spec as one file, so that an image's settings beside it stay."""
    return Place("spec", {"configMap": {"name": config_map}}, SPEC, is_read_only=True, sub_path=SPEC_FILE)


def stdin_file(config_map: str) -> Place:
    """Return the command's standard input, for where no runner feeds it."""
    return Place("spec", {"configMap": {"name": config_map}}, STDIN, is_read_only=True, sub_path=STDIN_FILE)


def store_folder(claim: str | None) -> Place:
    """Return the store's folder; without a claim a place for scratch, for the store is elsewhere."""
    source = {"persistentVolumeClaim": {"claimName": claim}} if claim else {"emptyDir": {}}
    return Place("store", source, STORE)


def tmp(volume: str = "tmp") -> Place:
    """Return a ``/tmp``, since the root is read-only."""
    return Place(volume, {"emptyDir": {}}, "/tmp")  # noqa: S108  # a pod's own


def pfs(*, in_memory: bool) -> Place:
    """Return the folder of inputs."""
    return Place("pfs", {"emptyDir": {"medium": "Memory"} if in_memory else {}}, "/pfs")


def share() -> Place:
    """Return the folder of sidecar and command; in memory, since a token is in it."""
    return Place("share", {"emptyDir": {"medium": "Memory", "sizeLimit": _SHARE_LIMIT}}, SHARE)


def runtime(path: str = RUNTIME) -> Place:
    """Return the folder into which the runner is copied."""
    return Place("runtime", {"emptyDir": {}}, path)


def volumes_of(places: Iterable[Place]) -> list[dict[str, Any]]:
    """Return each volume once."""
    return list({place.volume: place.as_volume() for place in places}.values())


def mounts_of(places: Iterable[Place]) -> list[dict[str, Any]]:
    """Return the mounts of one container.

    Raises:
        PathTaken: (Invalid) two of them meet.
    """
    taken: dict[str, Place] = {}
    for place in places:
        if taken.setdefault(place.path, place) is not place:
            raise PathTaken(f"{place.path} is to hold a secret, and holds something else of the pod")
    return [place.mount() for place in taken.values()]
