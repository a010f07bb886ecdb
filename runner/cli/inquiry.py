"""Asks the store for everything that is told of a job."""

from __future__ import annotations

import shlex
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from runner.cli.stories import Change, InputRead, Story
from runner.model.address import Address
from runner.model.commit import Commit
from runner.model.errors import Invalid, NotFound
from runner.model.ids import CommitId
from runner.model.job import Attempt, Job, JobDatum, JobInput, JobState
from runner.model.provenance import Observed, ReadKind
from runner.store import Store, files
from runner.store.history import commits, folders
from runner.store.jobs import jobs, pipelines
from runner.store.refusals import NoSuchKey
from runner.store.writing import branches

_PAGE = 1000


class NoSuchJob(NotFound):
    """No job has that address."""


class SeveralJobs(Invalid):
    """The address names more than one job."""


async def some_jobs(store: Store, project: str, text: str) -> Sequence[Job]:
    """Find the jobs that *text* names: ``PIPELINE@ID`` or ``ID``, whole or its first 8 digits; raises `NoSuchJob`."""
    found = await jobs.find_jobs(store, project, text)
    if not found:
        raise NoSuchJob(
            f"there is no job {text}", hint="runner job list shows them; give PIPELINE@ID or 8 digits of it"
        )
    return found


async def one_job(store: Store, project: str, text: str) -> Job:
    """Find the one job that *text* names; raises `NoSuchJob`, `SeveralJobs`."""
    found = await some_jobs(store, project, text)
    if len(found) > 1:
        raise SeveralJobs(f"{text} names {len(found)} jobs", hint="\n".join(str(job.key) for job in found))
    return found[0]


async def reads_of(store: Store, job: Job) -> AsyncIterator[Observed]:
    """Yield what a job read, by input, key and kind."""
    last: Observed | None = None
    while True:
        page = await jobs.observed(store, job.key, after=last, limit=_PAGE)
        for seen in page:
            yield seen
        if len(page) < _PAGE:
            return
        last = page[-1]


async def datums_of(
    store: Store, job: Job, prefix: str = "", *, limit: int | None = None
) -> Sequence[tuple[JobDatum, Sequence[Attempt]]]:
    """Return at most so many datums of a job whose id begins with *prefix*, in their order, each with its tries."""
    found = await jobs.datums(store, job.key, prefix=prefix, limit=limit)
    tries: dict[str, list[Attempt]] = {datum.id: [] for datum in found}
    for attempt in await jobs.attempts(store, job.key):
        if attempt.datum in tries:
            tries[attempt.datum].append(attempt)
    return [(datum, tries[datum.id]) for datum in found]


async def usual_seconds(store: Store, project: str, pipeline: str) -> float | None:
    """Return the median time of the last 20 jobs of *pipeline* that succeeded; None: it has none, or is not there."""
    try:
        return await jobs.usual_seconds(store, project, pipeline)
    except NotFound:
        return None


async def story_of(store: Store, job: Job) -> Story:
    """Gather what is told of *job*."""
    output = await jobs.output(store, job.key)
    earlier = await jobs.list_jobs(
        store, job.key.project, job.key.pipeline, states=(JobState.SUCCESS,), before=job.key, limit=1
    )
    spec = await pipelines.spec_of(store, job.key.project, job.key.pipeline, job.version)
    story = Story(
        job,
        command=command_of(spec),
        tries=int(spec.get("datumTries", 1)),
        attempts=await jobs.attempts(store, job.key),
        output=output,
        change=await _change(store, output),
        quarantined=await jobs.quarantined(store, job.key),
        head=await _head(store, job),
        last_success=earlier[0].key.id if earlier else None,
    )
    story = await _with_reads(store, story)
    return replace(story, news=await _news(store, story, earlier[0])) if earlier else story


async def _news(store: Store, story: Story, earlier: Job) -> str:
    """Compare the object that was read last with what an earlier job was given under the same name."""
    if story.last_read is None:
        return ""
    name, key = story.last_read
    found = []
    for job in (earlier, story.job):
        given = next((each for each in job.inputs if each.name == name), None)
        commit = await commit_of(store, given) if given else None
        if commit is None:
            return ""
        try:
            found.append((await files.bucket_of(store, commit).head(key)).digest)
        except NoSuchKey:
            found.append(b"")
    before, now = found
    return "" if before == now else "changed" if before else "new"


def command_of(spec: Mapping[str, Any]) -> str:
    """Return the command of an effective spec as one would type it."""
    return shlex.join(spec.get("transform", {}).get("cmd", ()))


async def _head(store: Store, job: Job) -> CommitId | None:
    try:
        branch = await branches.inspect(store, job.key.project, job.output_repo, job.output_branch)
    except NotFound:
        return None
    return branch.head


async def commit_of(store: Store, given: JobInput) -> Commit | None:
    """Return the commit that an input is pinned to, unless it was deleted since."""
    try:
        return await commits.resolve(store, Address(given.project, given.repo, given.commit))
    except NotFound:
        return None


async def _change(store: Store, output: Commit | None) -> Change | None:
    """Compare a commit with its parent; None: there is none, or nothing was published."""
    if output is None or output.parent is None:
        return None
    parent = await commits.resolve(store, Address(output.project, output.repo, output.parent))
    whole = (await folders.changes(store, parent, output)).whole
    return Change(whole.added, whole.changed, whole.removed)


async def _with_reads(store: Store, story: Story) -> Story:
    """Add what was read of each input, and what last."""
    seen: dict[str, list[Observed]] = defaultdict(list)
    async for row in reads_of(store, story.job):
        seen[row.input].append(row)
    reads = []
    for given in story.job.inputs:
        commit = await commit_of(store, given)
        reads.append(input_read(given.name, seen[given.name], commit.objects if commit else 0))
    got = [row for rows in seen.values() for row in rows if row.op is ReadKind.GET]
    last = max(got, key=lambda row: row.last, default=None)
    return replace(story, reads=tuple(reads), last_read=(last.input, last.key) if last else None)


def input_read(name: str, seen: Sequence[Observed], objects: int) -> InputRead:
    """Sum up what was read of one input, which holds so many *objects*."""
    got = [row for row in seen if row.op is ReadKind.GET]
    return InputRead(
        name,
        objects_read=len({row.key for row in got}),
        objects=objects,
        size_bytes=sum(_sent(row.ranges) for row in got),
        asked=bool(seen),
        absent=[row.key for row in seen if row.op is ReadKind.MISS],
    )


def _sent(ranges: Iterable[tuple[int, int]]) -> int:
    return sum(end - first for first, end in ranges)
