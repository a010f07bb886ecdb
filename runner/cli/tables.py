"""Tables: no boxes, numbers to the right, a state as glyph and word.

On a terminal ids and times are short and long text gives way; in a pipe everything is whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from rich.text import Text

from runner.cli import words
from runner.cli.looks import DATUM_SIGNS, JOB_SIGNS, Look
from runner.model.account import Account
from runner.model.commit import Branch, Commit, CommitState, Repo
from runner.model.entry import Entry
from runner.model.ids import CommitId
from runner.model.job import Attempt, Job, JobDatum

_GAP = 2
_LEAST = 8
_NONE = "-"
_SIZE = len("1023.9 MiB")
_CLOCK = len("2025-11-21 09:41")
_TIMESTAMP = len("2026-11-22T09:14:03.113204Z")


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its head, whether it holds numbers, and whether it may be shortened on a terminal."""

    head: str
    right: bool = False
    gives: bool = False


def table(columns: Sequence[Column], rows: Sequence[Sequence[Text | str]], look: Look) -> list[Text]:
    """Lay out *rows* below the heads of *columns*; without rows, nothing.

    Columns that give are shortened, the widest first, until the table fits the terminal.
    """
    if not rows:
        return []
    cells = [[Text(column.head, style="dim") for column in columns]]
    cells += [[cell.copy() if isinstance(cell, Text) else Text(cell) for cell in row] for row in rows]
    widths = [max(row[at].cell_len for row in cells) for at in range(len(columns))]
    if look.columns is not None:
        _give_way(columns, widths, look.columns)
    return [_line(columns, widths, row, look) for row in cells]


def _give_way(columns: Sequence[Column], widths: list[int], available: int) -> None:
    """Take from the widest column that gives, as long as there is need and something to take."""
    while (excess := sum(widths) + _GAP * (len(widths) - 1) - available) > 0:
        able = [at for at, column in enumerate(columns) if column.gives and widths[at] > _LEAST]
        if not able:
            return
        widest = max(able, key=widths.__getitem__)
        widths[widest] = max(_LEAST, widths[widest] - excess)


def _line(columns: Sequence[Column], widths: Sequence[int], row: Sequence[Text], look: Look) -> Text:
    line = Text()
    for at, (column, width, cell) in enumerate(zip(columns, widths, row, strict=True)):
        if cell.cell_len > width:
            cell.truncate(width - len(look.pick("…", "...")))
            cell.append(look.pick("…", "..."))
        blank = " " * (width - cell.cell_len)
        line.append(blank if column.right else "").append_text(cell).append("" if column.right else blank)
        line.append(" " * _GAP if at < len(columns) - 1 else "")
    return line


def pairs(items: Iterable[tuple[str, Text | str]]) -> list[Text]:
    """Lay out names and values, one a line and never cut; a value without text is left out."""
    shown = [(name, value if isinstance(value, Text) else Text(value)) for name, value in items if str(value)]
    width = max((len(name) for name, _ in shown), default=0)
    return [Text.assemble((f"{name:<{width}}", "dim"), "  ", value) for name, value in shown]


def identifier(value: CommitId | None, look: Look) -> str:
    """Show an id: short for a person, whole in a pipe."""
    if value is None:
        return _NONE
    return words.short(value) if look.is_terminal else value


def moment(value: datetime | None, now: datetime, look: Look) -> str:
    """Show a time: as a clock for a person, RFC 3339 in a pipe."""
    if value is None:
        return _NONE
    return words.clock(value, now) if look.is_terminal else words.rfc3339(value)


def exact(value: datetime | None, now: datetime, look: Look) -> str:
    """Show a time of one thing that is inspected: to the second for a person, RFC 3339 in a pipe."""
    if value is None or not look.is_terminal:
        return moment(value, now, look)
    return f"{value.astimezone(now.tzinfo):%Y-%m-%d %H:%M:%S}"


def jobs_table(jobs: Sequence[Job], now: datetime, look: Look) -> list[Text]:
    """List jobs, in the given order."""
    columns = (
        Column("STATE"),
        Column("PIPELINE", gives=True),
        Column("ID"),
        Column("STARTED"),
        Column("TOOK", right=True),
        Column("DATUMS", right=True),
        Column("READ", right=True),
        Column("WRITTEN", right=True),
        Column("REASON", gives=True),
    )
    rows = [
        (
            JOB_SIGNS[job.state].text(look),
            Text(job.key.pipeline, style="bold"),
            identifier(job.key.id, look),
            moment(job.started, now, look),
            took(job, now),
            datums(job),
            words.size(job.read_bytes),
            words.size(job.written_bytes),
            words.visible(job.reason),
        )
        for job in jobs
    ]
    return table(columns, rows, look)


def took(job: Job, now: datetime) -> str:
    """Say how long a job has run or ran."""
    if job.started is None:
        return _NONE
    return words.duration(((job.finished or now) - job.started).total_seconds())


def datums(job: Job) -> str:
    """Say how many datums are done, of how many."""
    return f"{job.data_processed + job.data_skipped + job.data_recovered}/{job.data_total}"


def accounts_table(accounts: Sequence[Account], now: datetime, look: Look) -> list[Text]:
    """List accounts and what they may do."""
    columns = (Column("NAME"), Column("CREATED"), Column("TOKENS", right=True), Column("MAY", gives=True))
    rows = [
        (
            Text(account.name, style="bold"),
            moment(account.created, now, look),
            str(account.tokens),
            ", ".join(f"{each.level.name.lower()} {each.repo}" for each in account.access) or _NONE,
        )
        for account in accounts
    ]
    return table(columns, rows, look)


def repos_table(repos: Sequence[Repo], now: datetime, look: Look) -> list[Text]:
    """List repos."""
    columns = (
        Column("PROJECT"),
        Column("NAME", gives=True),
        Column("CREATED"),
        Column("SIZE (MASTER)", right=True),
        Column("DESCRIPTION", gives=True),
    )
    rows = [
        (
            repo.project,
            Text(repo.name, style="bold"),
            moment(repo.created, now, look),
            words.size(repo.size_bytes),
            words.visible(repo.description),
        )
        for repo in repos
    ]
    return table(columns, rows, look)


def branches_table(branches: Sequence[Branch], now: datetime, look: Look) -> list[Text]:
    """List branches."""
    columns = (Column("BRANCH", gives=True), Column("HEAD"), Column("CREATED"))
    rows = [
        (Text(branch.name, style="bold"), identifier(branch.head, look), moment(branch.created, now, look))
        for branch in branches
    ]
    return table(columns, rows, look)


def commits_table(commits: Sequence[Commit], now: datetime, look: Look) -> list[Text]:
    """List commits."""
    columns = (
        Column("REPO", gives=True),
        Column("BRANCH", gives=True),
        Column("COMMIT"),
        Column("FINISHED"),
        Column("OBJECTS", right=True),
        Column("SIZE", right=True),
        Column("ORIGIN"),
        Column("DESCRIPTION", gives=True),
    )
    rows = [
        (
            Text(commit.repo, style="bold"),
            commit.branch,
            identifier(commit.id, look),
            moment(commit.finished, now, look) if commit.state is CommitState.FINISHED else commit.state.lower(),
            words.count(commit.objects),
            words.size(commit.size_bytes),
            commit.origin,
            words.visible(commit.error or commit.description),
        )
        for commit in commits
    ]
    return table(columns, rows, look)


def files_table(items: Sequence[Entry | bytes], now: datetime, look: Look) -> list[Text]:
    """List objects and common prefixes by their whole keys; the columns of every page are the same."""
    when = _CLOCK if look.is_terminal else _TIMESTAMP
    lines = [Text(f"{'SIZE':>{_SIZE}}  {'MODIFIED':<{when}}  NAME", style="dim")] if items else []
    for item in items:
        if isinstance(item, bytes):
            lines.append(Text.assemble(f"{_NONE:>{_SIZE}}  {_NONE:<{when}}  ", (words.key(item), "blue")))
        else:
            modified = moment(item.modified, now, look)
            lines.append(Text(f"{words.size(item.size):>{_SIZE}}  {modified:<{when}}  {words.key(item.key)}"))
    return lines


def attempts_table(attempts: Sequence[Attempt], now: datetime, look: Look) -> list[Text]:
    """List the tries of a job, in the order in which they ran."""
    columns = (
        Column("TRY", right=True),
        Column("DATUM"),
        Column("STARTED"),
        Column("TOOK", right=True),
        Column("WRITTEN", right=True),
        Column("PEAK", right=True),
        Column("END", gives=True),
    )
    rows = [
        (
            str(attempt.number),
            words.short(attempt.datum) if look.is_terminal else attempt.datum,
            moment(attempt.started, now, look),
            words.duration(((attempt.finished or now) - attempt.started).total_seconds()),
            words.size(attempt.size_bytes),
            words.size(attempt.exit.usage.max_rss_bytes) if attempt.exit and attempt.exit.usage else _NONE,
            words.visible(end_of(attempt)),
        )
        for attempt in attempts
    ]
    return table(columns, rows, look)


def end_of(attempt: Attempt) -> str:
    """Say how a try ended."""
    exited = "" if attempt.exit is None else str(attempt.exit)
    if exited and attempt.reason and exited not in attempt.reason:
        return f"{exited}: {attempt.reason}"
    return attempt.reason or exited or "running"


def datums_table(found: Sequence[tuple[JobDatum, Sequence[Attempt]]], now: datetime, look: Look) -> list[Text]:
    """List datums, each with its files and tries."""
    columns = (
        Column("STATE"),
        Column("DATUM"),
        Column("FILES", gives=True),
        Column("TRIES", right=True),
        Column("TOOK", right=True),
        Column("WRITTEN", right=True),
        Column("END", gives=True),
    )
    rows = []
    for datum, tries in found:
        time = ((tries[-1].finished or now) - tries[0].started).total_seconds() if tries else None
        rows.append(
            (
                DATUM_SIGNS[datum.state].text(look),
                words.short(datum.id) if look.is_terminal else datum.id,
                words.visible(", ".join(f"{file.input}:{file.path}" for file in datum.files)),
                str(len(tries)),
                _NONE if time is None else words.duration(time),
                words.size(datum.size_bytes),
                words.visible(end_of(tries[-1])) if tries else _NONE,
            )
        )
    return table(columns, rows, look)


def datum_files_table(datum: JobDatum, look: Look) -> list[Text]:
    """List what a datum was given."""
    columns = (Column("INPUT"), Column("PATH", gives=True), Column("OBJECTS", right=True), Column("SIZE", right=True))
    rows = [
        (file.input, words.visible(file.path), words.count(file.objects), words.size(file.size_bytes))
        for file in datum.files
    ]
    return table(columns, rows, look)
