"""Secrets of a spec: found before anything runs, handed to the child, never stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from runner.model.errors import Invalid
from runner.model.pipeline import Secret


class SecretMissing(Invalid):
    """The spec asks for a secret that nobody gave."""


class SecretHasNoPlace(Invalid):
    """A secret is to be a file where this machine lets us put none."""


@dataclass(frozen=True, slots=True)
class Secrets:
    """What the secrets of a spec come to.

    Attributes:
        environment: Variables with their values.
        mounts: Source and target of files; the target's folder is hidden by an empty one first.
        values: All of them, to be taken out of logs.
    """

    environment: Mapping[str, str]
    mounts: Sequence[tuple[Path, str]]
    values: Sequence[str]


def find_secrets(
    wanted: Sequence[Secret], *, folder: Path | None, given: Mapping[tuple[str, str], Path], can_mount: bool
) -> Secrets:
    """Read the values of *wanted*.

    Args:
        wanted: Of the spec.
        folder: Holds ``<name>/<key>``, the shape of a mounted Kubernetes secret; None: there is none.
        given: Files by name and key; they win over *folder*.
        can_mount: Whether the child gets mounts of its own.

    Raises:
        SecretMissing, SecretHasNoPlace: (Invalid) nothing was run.
    """
    environment: dict[str, str] = {}
    mounts: list[tuple[Path, str]] = []
    values: list[str] = []
    for secret in wanted:
        files = _files(secret, folder, given)
        values += [_read(file) for file in files.values()]
        if secret.env_var:
            environment[secret.env_var] = _read(files[secret.key])
        if secret.mount_path:
            mounts += _mounts(secret, files, can_mount=can_mount)
    return Secrets(environment, mounts, values)


def _files(secret: Secret, folder: Path | None, given: Mapping[tuple[str, str], Path]) -> dict[str, Path]:
    """Return the files of a secret by key: the one that is asked for, or all."""
    files: dict[str, Path] = {}
    if folder is not None and (folder / secret.name).is_dir():
        # Kubernetes keeps the data in hidden folders and links to it.
        files = {file.name: file for file in (folder / secret.name).iterdir() if not file.name.startswith("..")}
    files |= {key: file for (name, key), file in given.items() if name == secret.name}
    if secret.key:
        files = {key: file for key, file in files.items() if key == secret.key}
    if not files:
        place = f"{secret.name}/{secret.key or 'KEY'}"
        raise SecretMissing(
            f"the spec asks for the secret {place}, which nobody gave",
            hint=f"add --secret {place}=FILE, or put it as {place} into the folder of [secrets] folder",
        )
    return files


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except OSError as exc:
        raise SecretMissing(f"the secret in {file} cannot be read: {exc.strerror}") from exc
    except UnicodeDecodeError as exc:
        raise SecretMissing(f"the secret in {file} is not text") from exc


def _mounts(secret: Secret, files: Mapping[str, Path], *, can_mount: bool) -> list[tuple[Path, str]]:
    target = Path(secret.mount_path)
    if all((target / key).exists() for key in files):
        return []  # a pod's own mount of the same secret
    if not can_mount or not target.is_dir():
        raise SecretHasNoPlace(
            f"the secret {secret.name} is to appear in {target}, where it cannot be put",
            hint="make that folder, on a machine that permits mount namespaces; or ask for it as env_var",
        )
    return [(file.resolve(), str(target / key)) for key, file in files.items()]
