"""What one job runs its command for: its datums.

Inputs that are buckets are whole commits, so alone they make one datum. Nothing is made of an empty commit, and then
the command is not run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from runner.model.errors import Invalid
from runner.model.job import JobInput
from runner.model.pipeline import CompositeInput, CompositeKind, Input, PfsInput, Pipeline


class InputNotSupported(Invalid):
    """The spec has an input that jobs cannot be run for."""


@dataclass(frozen=True, slots=True)
class Member:
    """What one input gives to a datum.

    Attributes:
        path: Of the match in the input's repo, with a leading ``/``; a bucket's is ``/``.
        join_on: The input's template with the match filled in; empty: none.
        group_by: The same.
    """

    input: JobInput
    path: str = "/"
    join_on: str = ""
    group_by: str = ""


@dataclass(frozen=True, slots=True)
class Datum:
    """One unit of work: the command runs once for it, or more often until it succeeds."""

    members: tuple[Member, ...]

    @property
    def id(self) -> str:
        """BLAKE2b-256 hex of names, repos, branches and paths, each followed by its length, as Pachyderm has it."""
        digest = hashlib.blake2b(digest_size=32)
        for member in self.members:
            pinned = member.input
            for text in (pinned.name, pinned.repo, pinned.branch, member.path):
                digest.update(text.encode())
                digest.update(len(text.encode()).to_bytes(8, "big"))
        return digest.hexdigest()


def plan_datums(pipeline: Pipeline, inputs: Sequence[JobInput], objects: Mapping[str, int]) -> tuple[Datum, ...]:
    """Return the datums of a job.

    Args:
        pipeline: Whose inputs they are; the order of its leaves is the order of members.
        inputs: The same inputs, pinned.
        objects: By input name, how many its commit holds.

    Raises:
        InputNotSupported: An input is not a bucket, or does not stand alone or in a cross.
    """
    if pipeline.input is None:
        raise InputNotSupported(f"pipeline {pipeline.name!r} has no input")
    check_inputs(pipeline.input)
    if not all(objects[pinned.name] for pinned in inputs):
        return ()
    pinned_by_name = {pinned.name: pinned for pinned in inputs}
    return (Datum(tuple(Member(pinned_by_name[leaf.name]) for leaf in pipeline.leaves())),)


def check_inputs(node: Input) -> None:
    """Refuse what jobs cannot be run for, before anything is made.

    Raises:
        InputNotSupported: As in `plan_datums`.
    """
    match node:
        case PfsInput(s3=True):
            return
        case CompositeInput(kind=CompositeKind.CROSS, children=children):
            for child in children:
                check_inputs(child)
        case CompositeInput(kind=kind):
            raise InputNotSupported(f"input {kind}: jobs are run for S3 inputs alone or in a cross")
        case _:
            raise InputNotSupported(
                f"input {node.name!r}: jobs are run for S3 inputs only", hint='write "s3": true and "glob": "/"'
            )
