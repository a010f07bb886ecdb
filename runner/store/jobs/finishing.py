"""How a job ends: its layers are sealed, then published as one commit, or put aside as a quarantined one.

Used by the job's own session and, when its runner died, by whoever meets it next: both read nothing but the catalog.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import aclosing
from typing import NamedTuple

from blake3 import blake3

from runner.model.commit import Commit, CommitOrigin, CommitState
from runner.model.errors import Conflict
from runner.model.ids import CommitId
from runner.model.job import JobState
from runner.model.provenance import SCHEMA, Record, canonical
from runner.store.catalog import query
from runner.store.catalog.codes import JOB_STATE, JOB_TERMINAL_FROM, LayerState
from runner.store.catalog.engine import Transaction
from runner.store.catalog.query import Connection, Row
from runner.store.history import commits, folders, refs, uploads
from runner.store.history.commits import Draft
from runner.store.history.folders import FolderCounts
from runner.store.jobs import ends, stops, triggers
from runner.store.jobs.ends import STOPPED_STATUS, End
from runner.store.layers import runs, staging, tree
from runner.store.layers.contentsum import ContentSum
from runner.store.store import Store

NOT_COPIED_STATUS = 75
"""Of a job whose commit stands, but whose output could not be copied where its spec wants it."""

_JOB = "SELECT uuid, state, output_repo, output_branch, created_us, commit_id FROM job WHERE id = ?"
_LAST_LAYER = """
    SELECT l.id, l.state FROM attempt a JOIN layer l ON l.id = a.layer WHERE a.job = ? ORDER BY a.n DESC LIMIT 1
"""


class JobLost(Conflict):
    """The job was finished, or is owned, by somebody else."""


class BranchGone(Conflict):
    """The branch that the job's output belongs to was deleted meanwhile."""


def require_state(tx: Transaction, job: int, *states: JobState) -> Row:
    """Return the row of a job that is in one of *states*; raises `JobLost`, `JobStopped`."""
    row = query.one(tx.db, _JOB, (job,))
    state = JOB_STATE.word(row.state)
    if state not in states:
        raise JobLost(f"the job is {state} already", hint=f"runner job inspect {row.uuid}")
    if state in (JobState.STARTING, JobState.RUNNING, JobState.EGRESSING):
        stops.refuse(tx, job)
    return row


def require_running(tx: Transaction, job: int) -> None:
    """Raise `JobLost` unless a job takes attempts."""
    require_state(tx, job, JobState.STARTING, JobState.RUNNING)


def stack_of(db: Connection, job: int) -> tree.ReadSet:
    """Return the layers of a job's output, newest first."""
    return tuple(query.values(db, "SELECT layer FROM stack WHERE job = ? ORDER BY n DESC", (job,)))


def seal(tx: Transaction, job: int, draft: Record, counters: Mapping[str, int]) -> None:
    """Let nothing more into a job's output, and keep with what a crash would be settled.

    Raises:
        JobLost, JobStopped.
    """
    require_state(tx, job, JobState.STARTING, JobState.RUNNING, JobState.EGRESSING)
    for layer in stack_of(tx.db, job):
        staging.set_state(tx, layer, LayerState.SEALED)
        uploads.drop_all(tx, uploads.place_of_layer(layer))
        staging.measure(tx, layer)
    values = {"state": JOB_STATE.code(JobState.FINISHING), "draft": canonical(dict(draft)), **counters}
    query.update(tx.db, "job", values, "id = ?", (job,))


def count(tx: Transaction, job: int, counters: Mapping[str, int]) -> None:
    """Write the counters of a job that is about to be abandoned; of an ended one nothing changes."""
    query.update(tx.db, "job", counters, "id = ? AND state < ?", (job, JOB_TERMINAL_FROM))


async def content_of(store: Store, layers: tree.ReadSet) -> ContentSum:
    """Return what sealed layers hold: one walk, outside of any transaction."""
    content = ContentSum()
    async for row in tree.walk(store.catalog.db, layers):
        content.add(row)
    return content


async def compare(store: Store, head: int | None, layers: tree.ReadSet) -> tuple[ContentSum, Compared]:
    """Return what sealed layers hold, and what they change in *head*: one walk of both, outside of any transaction."""
    content, changes = ContentSum(), FolderCounts()
    before = () if head is None else commits.read_set(store.catalog.db, head)
    async with aclosing(tree.side_by_side(store.catalog.db, before, layers)) as pairs:
        async for old, new in pairs:
            if new is not None:
                content.add(new)
            if not tree.is_same(old, new):
                changes.add(old, new)
    return content, Compared(head, changes)


class Compared(NamedTuple):
    """What a sealed output changes in the commit of that number; None: in nothing."""

    head: int | None
    changes: FolderCounts


def publish(tx: Transaction, job: int, record: Record, content: ContentSum, compared: Compared | None = None) -> Commit:
    """Make a sealed job's output a commit of its branch; record, ref and job state are one transaction with it.

    Again: the same commit. What it was *compared* with is kept where that is still the head.

    Raises:
        JobLost, BranchGone.
    """
    row = require_state(tx, job, JobState.FINISHING, JobState.SUCCESS)
    if row.state == JOB_STATE.code(JobState.SUCCESS):
        return commits.inspect_number(tx.db, row.commit_id)
    ref = refs.find(tx.db, row.output_repo, row.output_branch)
    if ref is None:
        raise BranchGone(f"the output branch {row.output_branch} was deleted meanwhile")
    layers = stack_of(tx.db, job)
    number = commits.insert(
        tx,
        Draft(
            repo=row.output_repo,
            id=CommitId(row.uuid),
            branch=row.output_branch,
            parent=ref.head,
            base=None,
            layers=layers,
            read_set=runs.merged(tx, layers),
            content=content,
            origin=CommitOrigin.AUTO,
            started_us=row.created_us,
        ),
    )
    if compared is not None and compared.head == ref.head:
        folders.keep(tx, number, compared.changes)
    refs.move(tx, ref, number)
    triggers.notice(tx, ref, CommitId(row.uuid))
    text = canonical(dict(record))
    query.insert(tx.db, "provenance", {"commit_id": number, "record": text, "digest": blake3(text).digest()})
    problem = str(record.get("egress", {}).get("problem", ""))
    ends.end(tx, job, End(JobState.SUCCESS, problem, NOT_COPIED_STATUS if problem else 0), number)
    return commits.inspect_number(tx.db, number)


def put_aside(tx: Transaction, job: int) -> tree.ReadSet:
    """Close all layers of a job that will not be published.

    Returns:
        What it leaves behind, newest first: the layer of its last attempt above those that were kept.
    """
    if query.value(tx.db, "SELECT state FROM job WHERE id = ?", (job,)) >= JOB_TERMINAL_FROM:
        return ()
    stack = stack_of(tx.db, job)
    last = query.row(tx.db, _LAST_LAYER, (job,))
    has_failed = last is not None and last.state == LayerState.QUARANTINED and last.id not in stack
    layers = (last.id, *stack) if last is not None and has_failed else stack
    for layer in layers:
        staging.set_state(tx, layer, LayerState.QUARANTINED)
        uploads.drop_all(tx, uploads.place_of_layer(layer))
    return layers


def abandon(tx: Transaction, job: int, end: End, layers: tree.ReadSet, content: ContentSum) -> None:
    """End a job without moving its branch; what it left behind becomes a quarantined commit. Twice: no change.

    When somebody wanted its end, that is how it ended.
    """
    row = query.one(tx.db, _JOB, (job,))
    if row.state >= JOB_TERMINAL_FROM:
        return
    wish = stops.find(tx.db, job)
    if wish is not None:
        end = End(JobState.KILLED, wish.reason, STOPPED_STATUS)
    number = None
    if content.objects:
        draft = Draft(
            repo=row.output_repo,
            id=CommitId(row.uuid),
            branch=row.output_branch,
            parent=None,
            base=None,
            layers=layers,
            read_set=layers,
            content=content,
            origin=CommitOrigin.AUTO,
            started_us=row.created_us,
            state=CommitState.QUARANTINED,
            error=end.reason,
        )
        number = commits.insert(tx, draft)
    ends.end(tx, job, end, number)
    ends.give_up_downstream(tx, job)


def completed(draft: Record, commit: CommitId, content: ContentSum) -> Record:
    """Return a journalled record with what was not known at the seal: the output."""
    output = {
        "commit": commit,
        "digest": content.digest().hex(),
        "objects": content.objects,
        "bytes": content.size_bytes,
    }
    return {"schema": SCHEMA, **draft, "output": {**draft.get("output", {}), **output}}


def drafted(db: Connection, job: int) -> Record:
    """Return the record that was journalled at the seal."""
    draft: Record = json.loads(query.value(db, "SELECT draft FROM job WHERE id = ?", (job,)) or b"{}")
    return draft
