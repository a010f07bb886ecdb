"""Pins every input of a pipeline to one commit: imports folders, resolves addresses, takes branch heads."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from runner.host.home import expand_home
from runner.model import address
from runner.model.commit import Commit, CommitState
from runner.model.errors import Invalid, NotFound
from runner.model.job import JobInput
from runner.model.pipeline import CronInput, PfsInput, Pipeline
from runner.store import Store, files
from runner.store.history import commits
from runner.store.writing import branches

Imported = Callable[[str, Commit, bool], None]
"""Told the input's name, its commit, and whether the folder made a new one."""


class UnknownInput(Invalid):
    """``--input`` names what the spec does not declare."""


class NoSuchSource(Invalid):
    """The source of an input is neither a folder, a file nor an address in the store."""


class InputMissing(Invalid):
    """An input's repo or branch holds nothing yet."""


class CommitNotFinished(Invalid):
    """An input names a commit that was never published."""


async def pin(
    store: Store,
    pipeline: Pipeline,
    sources: Mapping[str, str],
    *,
    imported: Imported | None = None,
    propagates: bool = True,
    trust_mtime: bool = False,
) -> Sequence[JobInput]:
    """Return the inputs of a new job of *pipeline*, each with its commit.

    Args:
        store: Where they are.
        pipeline: What it declares.
        sources: By input name: a local folder or file, which is imported to the input's own branch as a mirror,
            or ``repo@branch`` or ``repo@commit``. The others use the head of their branch.
        imported: Told of each folder once it is in the store.
        propagates: Whether a commit of a folder makes jobs of the pipelines that read its branch.
        trust_mtime: Whether a file of a folder that has the size and time of what is there is taken for the same.

    Raises:
        UnknownInput, NoSuchSource, InputMissing, CommitNotFinished: Before anything is imported where that can be seen.
    """
    declared = list(pipeline.leaves())
    _check_names(pipeline, declared, sources)
    folders = {name: folder for name, source in sources.items() if (folder := _folder(name, source))}
    pinned = []
    for leaf in declared:
        source = sources.get(leaf.name)
        if leaf.name in folders:
            commit, is_new = await files.import_folder(
                store,
                folders[leaf.name],
                leaf.project,
                leaf.repo,
                leaf.branch,
                propagates=propagates,
                trust_mtime=trust_mtime,
            )
            if imported:
                imported(leaf.name, commit, is_new)
        elif source is not None:
            commit = await commits.resolve(store, address.parse(source, project=leaf.project))
        else:
            commit = await _head(store, pipeline, leaf)
        if commit.state is not CommitState.FINISHED:
            raise CommitNotFinished(f"input {leaf.name!r}: {commit.repo}@{commit.id} is not a finished commit")
        pinned.append(JobInput(leaf.name, commit.project, commit.repo, commit.branch, commit.id, s3=leaf.s3))
    return pinned


def _check_names(pipeline: Pipeline, declared: Sequence[PfsInput | CronInput], sources: Mapping[str, str]) -> None:
    names = [leaf.name for leaf in declared]
    for name in sources:
        if name not in names:
            near = difflib.get_close_matches(name, names, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"its inputs are: {', '.join(names) or 'none'}"
            raise UnknownInput(f"pipeline {pipeline.name!r} has no input {name!r}", hint=hint)


def _folder(name: str, source: str) -> Path | None:
    """Return *source* as a place on this machine, or None when it is an address in the store."""
    path = expand_home(source)
    if path.exists():
        return path
    if "/" in source or "@" not in source:
        raise NoSuchSource(
            f"input {name!r}: {source!r} is not there",
            hint="give a folder or a file, or repo@branch or repo@commit for data in the store",
        )
    return None


async def _head(store: Store, pipeline: Pipeline, leaf: PfsInput | CronInput) -> Commit:
    """Return the newest commit of the branch that the spec names."""
    try:
        branch = await branches.inspect(store, leaf.project, leaf.repo, leaf.branch)
    except NotFound as exc:
        raise _missing(pipeline, leaf) from exc
    if branch.head is None:
        raise _missing(pipeline, leaf)
    return await commits.resolve(store, address.Address(leaf.project, leaf.repo, branch.head))


def _missing(pipeline: Pipeline, leaf: PfsInput | CronInput) -> InputMissing:
    return InputMissing(
        f"pipeline {pipeline.name!r} reads {leaf.repo}@{leaf.branch}, which holds no commit yet",
        hint=f"add --input {leaf.name}=FOLDER to import one",
    )
