"""``job inspect``: a job's story in full, as lines and as a document."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from rich.text import Text

from runner.cli import documents, shapes, tables, words
from runner.cli.looks import Look
from runner.cli.stories import Story
from runner.cli.summary import changes_of, sign_of, why_skipped
from runner.model.job import JobState


def job_document(story: Story) -> shapes.JobInfo:
    """Return the job's document with tries, reads, output and what was put aside."""
    document = documents.job_info(story.job)
    document["attempts"] = [documents.attempt_info(attempt) for attempt in story.attempts]
    document["reads"] = [
        {
            "name": read.name,
            "objectsRead": read.objects_read,
            "objectsTotal": read.objects,
            "bytesRead": read.size_bytes,
            "keysAbsent": [key.decode("utf-8", "backslashreplace") for key in read.absent],
        }
        for read in story.reads
    ]
    if story.output is not None:
        document["output"] = documents.commit_info(story.output)
    if story.quarantined is not None:
        document["quarantined"] = documents.commit_info(story.quarantined)
    return document


def job_lines(story: Story, now: datetime, look: Look) -> Iterator[Text]:
    """Tell the story: how it ended and why, what it was given, what it read, its tries."""
    job = story.job
    facts: list[tuple[str, Text | str]] = [
        ("job", Text(str(job.key), style="bold")),
        ("state", sign_of(story).text(look).append("" if job.status is None else f", status {job.status}")),
        ("why", words.visible(job.reason)),
        ("command", words.visible(story.command)),
        ("spec", f"version {job.version} of {job.key.pipeline}"),
        ("created", tables.exact(job.created, now, look)),
        ("started", tables.exact(job.started, now, look)),
        ("took", tables.took(job, now)),
        ("datums", _datums(story)),
        ("output", _output(story, look)),
        ("kept", _quarantined(story)),
    ]
    yield from tables.pairs(facts)
    for part in (_inputs(story, look), tables.attempts_table(story.attempts, now, look)):
        if part:
            yield Text()
            yield from part


def _datums(story: Story) -> str:
    job = story.job
    if story.is_skipped and not job.data_total:
        return f"none: {why_skipped(story)}, so the command was not run"
    parts = (
        (job.data_processed, "processed"),
        (job.data_skipped, "skipped"),
        (job.data_failed, "failed"),
        (job.data_recovered, "recovered"),
    )
    told = ", ".join(f"{words.count(number)} {word}" for number, word in parts if number)
    return f"{told or 'none done'} of {words.count(job.data_total)}"


def _output(story: Story, look: Look) -> str:
    """Say what was published, or that the branch did not move."""
    job, output = story.job, story.output
    branch = f"{job.output_repo}@{job.output_branch}"
    if output is not None:
        changes = f", {changes_of(story.change)}" if story.change is not None else ""
        size = f"{words.count(output.objects, 'object')}, {words.size(output.size_bytes)}"
        return f"{job.output_repo}@{tables.identifier(output.id, look)} on {branch}: {size}{changes}"
    if not job.state.is_terminal:
        return f"{branch}, when it succeeds"
    if job.state is JobState.SUCCESS:
        return f"{job.output_repo}@{job.key.id}, deleted since"
    return f"nothing published; {branch} " + (
        f"is at {tables.identifier(story.head, look)}" if story.head else "is empty"
    )


def _quarantined(story: Story) -> str:
    held = story.quarantined
    if held is None:
        return ""
    size = f"{words.count(held.objects, 'object')}, {words.size(held.size_bytes)}"
    return f"{size} in quarantine: runner file list {held.repo}@{held.id}"


def _inputs(story: Story, look: Look) -> list[Text]:
    columns = (
        tables.Column("INPUT", gives=True),
        tables.Column("COMMIT", gives=True),
        tables.Column("READ", right=True),
        tables.Column("BYTES", right=True),
        tables.Column("NOT THERE", gives=True),
    )
    reads = {read.name: read for read in story.reads}
    rows = []
    for given in story.job.inputs:
        read = reads.get(given.name)
        place = f"{given.repo}@{tables.identifier(given.commit, look)}"
        if read is None:
            rows.append((given.name, place, "", "", ""))
            continue
        absent = ", ".join(words.key(key) for key in read.absent)
        got = f"{words.count(read.objects_read)} of {words.count(read.objects)}"
        rows.append((given.name, place, got, words.size(read.size_bytes), absent))
    return tables.table(columns, rows, look)
