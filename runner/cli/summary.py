"""The five lines with which a run ends on a terminal: always the same five places.

Only what is secondary gives way on a narrow terminal; the command to copy in the last line never does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from rich.text import Text

from runner.cli import words
from runner.cli.looks import BLOCKED, FAILED, JOB_SIGNS, SKIPPED, Look, Sign
from runner.cli.stories import LOST_RACE, STORE_OUT_OF_REACH, Change, InputRead, Story
from runner.model.errors import Conflict, RunnerError
from runner.model.job import JobKey, JobState

WIDEST = 100
_LABEL = 7
_NAMED_READS = 2
_ON_TRY = re.compile(r" on try \d+ of \d+: ")


def summarise(story: Story, look: Look) -> list[Text]:
    """Tell how a job ended, in five lines."""
    if story.job.state is JobState.SUCCESS:
        return list(_good(story, look))
    return list(_bad(story, look))


def broken(key: JobKey, error: RunnerError, seconds: float, look: Look) -> list[Text]:
    """Tell in the same shape that a job was not brought to its end: it lost a race, or the store failed."""
    is_race = isinstance(error, Conflict)
    sign = BLOCKED._replace(word="lost a race") if is_race else FAILED._replace(word="store")
    kept = "this job published nothing" if is_race else "try again; nothing was lost and no branch moved"
    return [
        _head(sign, key.pipeline, key.id, f"after {words.duration(seconds)}", look),
        _line("why", words.visible(error.message)),
        _row("at", Text("the store, not the user code"), Text(), look),
        _row("kept", Text(kept), Text(), look),
        _line("next", f"runner job inspect {key}" if is_race else "runner store check"),
    ]


def _good(story: Story, look: Look) -> Iterator[Text]:
    job = story.job
    sign = SKIPPED if story.is_skipped else JOB_SIGNS[job.state]
    yield _head(sign, job.key.pipeline, job.key.id, f"in {words.duration(story.seconds)}", look)
    yield _out(story, look)
    if story.is_skipped:
        yield _row("read", Text(f"nothing: {why_skipped(story)}, so the command was not run"), Text(), look)
    else:
        yield _row("read", Text(_reads(story)), Text(_requests(story), style="dim"), look)
    yield _unread(story, look)
    yield _line("next", next_command(story))


def _bad(story: Story, look: Look) -> Iterator[Text]:
    job = story.job
    yield _head(sign_of(story), job.key.pipeline, job.key.id, f"after {words.duration(story.seconds)}", look)
    yield _line("why", _why(story))  # the cause may wrap, but is never cut
    if story.last_read is None:
        yield _row("at", Text("no object was read"), Text(), look)
    else:
        bucket, key = story.last_read
        aside = "last object read" + (f"; {story.news} since the last success" if story.news else "")
        yield _row("at", Text(f"{bucket}/{words.key(key)}"), Text(aside, style="dim"), look)
    yield _kept(story, look)
    yield _line("next", next_command(story))


def sign_of(story: Story) -> Sign:
    """Return how a job's end is shown; a lost race and a lost store have words of their own."""
    job = story.job
    if job.state is JobState.KILLED and job.status == LOST_RACE:
        return BLOCKED._replace(word="lost a race")
    if not story.attempts and job.status == STORE_OUT_OF_REACH:
        return FAILED._replace(word="store")
    return SKIPPED if story.is_skipped else JOB_SIGNS[job.state]


def next_command(story: Story) -> str:
    """Choose the one command that helps most now."""
    job = story.job
    here = f"{job.output_repo}@{job.output_branch}"
    if story.is_skipped and job.data_total:
        return f"runner datum list {job.key.pipeline}@{words.short(job.key.id)}"
    if story.is_skipped:
        given = job.inputs[0] if job.inputs else None
        return f"runner file put -r DIR {given.repo}@{given.branch}" if given else f"runner job inspect {job.key}"
    if job.state is not JobState.SUCCESS:
        subject = f"{job.key.pipeline}@{words.short(job.key.id)}"
        return f"runner job logs {subject}" if story.attempts else f"runner job inspect {subject}"
    if story.change is not None and story.change != Change():
        return f"runner commit diff {here}^ {here}"
    return f"runner provenance show {here}"


def _head(sign: Sign, name: str, id_: str, end: str, look: Look) -> Text:
    """Write state, name and id at the left, the time at the right."""
    left = sign.text(look)
    left.stylize("bold")
    left.append("  ").append(name, style="bold not dim")
    right = Text(end)
    width = min(look.columns or WIDEST, WIDEST)
    for shown in (id_, words.short(id_)):
        whole = Text.assemble(left, " ", (shown, "dim")) if shown else left.copy()
        if whole.cell_len + 2 + right.cell_len <= width:
            break
    if look.columns is not None and whole.cell_len + 2 + right.cell_len > look.columns:
        whole = left
        whole.truncate(max(look.columns - 2 - right.cell_len, 1), overflow="ellipsis" if look.unicode else "crop")
    blank = " " * max(width - whole.cell_len - right.cell_len, 2)
    return Text.assemble(whole, blank, right)


def _row(label: str, main: Text, aside: Text, look: Look) -> Text:
    """Write one labelled line; *aside* goes first when there is no room, then the end of *main*."""
    line = _line(label, main)
    if aside.plain and (look.columns is None or line.cell_len + 2 + aside.cell_len < look.columns):
        line.append("  ").append_text(aside)
    if look.columns is not None:
        line.truncate(look.columns - 1, overflow="ellipsis" if look.unicode else "crop")
    return line


def _line(label: str, main: Text | str) -> Text:
    """Write one labelled line, whole."""
    return Text.assemble("  ", (f"{label:<{_LABEL}}", "dim"), main)


def _out(story: Story, look: Look) -> Text:
    job, output = story.job, story.output
    objects, size_bytes = (output.objects, output.size_bytes) if output else (0, 0)
    main = Text(f"{words.count(objects, 'object')}, {words.size(size_bytes)}  {look.pick('→', '->')}  ")
    main.append(f"{job.output_repo}@{job.output_branch}", style="bold")
    asides = [changes_of(story.change)] if story.change is not None else []
    if job.data_skipped and not story.is_skipped:
        asides.append(f"{words.count(job.data_skipped, 'datum')} as before")
    if story.copied_to:
        asides.append(f"copied to {story.copied_to}")
    return _row("out", main, Text(", ".join(asides), style="dim"), look)


def changes_of(change: Change) -> str:
    """Say how an output differs from its parent."""
    if change == Change():
        return "the same as before"
    parts = ((change.added, "added"), (change.changed, "changed"), (change.removed, "removed"))
    return ", ".join(f"{words.count(number)} {word}" for number, word in parts if number)


def _reads(story: Story) -> str:
    """Say how many objects of which inputs were read, the first two inputs by name."""
    read = [each for each in story.reads if each.objects_read]
    if not read:
        return "nothing"
    total = words.size(sum(each.size_bytes for each in read))
    first = read[0]
    parts = [f"{words.count(first.objects_read)} of {words.count(first.objects, 'object')} of {first.name}"]
    parts += [
        f"{words.count(each.objects_read)} of {words.count(each.objects)} of {each.name}"
        for each in read[1:_NAMED_READS]
    ]
    if rest := len(read) - _NAMED_READS:
        parts += [f"{words.count(rest, 'more input')}"] if rest > 0 else []
    return f"{' and '.join(parts)}, {total}"


def _requests(story: Story) -> str:
    if story.requests is None:
        return ""
    failed = words.count(story.requests_failed) if story.requests_failed else "none"
    return f"{words.count(story.requests, 'request')}, {failed} failed"


def why_skipped(story: Story) -> str:
    """Say why no command was run."""
    if story.job.data_total == 1:
        return "the datum is as it was"
    if story.job.data_total:
        return f"all {words.count(story.job.data_total, 'datum')} are as they were"
    empty = [read.name for read in story.reads if read.objects == 0]
    return f"{', '.join(empty)} is empty" if empty else "no file is what the inputs ask for"


def _unread(story: Story, look: Look) -> Text:
    """Name what was declared and not read, and what was asked for and is not there."""
    # Of datums that were not run the inputs were read by an earlier job.
    unread = [read for read in story.reads if not read.objects_read and read.objects and not story.job.data_skipped]
    absent = [(read.name, key) for read in story.reads for key in read.absent]
    main, aside = Text(), Text(style="dim")
    for at, read in enumerate(unread):
        main.append("" if at == 0 else ", ").append(read.name, style="yellow")
        main.append(f" ({words.count(read.objects, 'object')})")
    if unread:
        main.append(f": {_untouched(unread)}.")
    if absent:
        bucket, key = absent[0]
        shown = f"{bucket}/{words.key(key)}" + (", …" if len(absent) > 1 else "")
        aside.append(f"{words.count(len(absent), 'absent key')}: {shown}")
    if not main.plain:
        main, aside = (aside, Text()) if aside.plain else (Text("nothing"), Text())
    return _row("unread", main, aside, look)


def _untouched(unread: list[InputRead]) -> str:
    return "looked at, no object read" if any(read.asked for read in unread) else "declared, never read"


def _why(story: Story) -> Text:
    """Say which command ended how on which try; what it said last stands out."""
    last = story.attempts[-1].reason if story.attempts else ""
    why = Text(words.visible(story.job.reason or last or "no reason was recorded"))
    if tried := _ON_TRY.search(why.plain):
        why.stylize("bold", tried.end())
    return why


def _kept(story: Story, look: Look) -> Text:
    """Say where the branch stands, and what of the job can still be looked at."""
    job, held = story.job, story.quarantined
    stays = f"stays at {words.short(story.head)}" if story.head else "has no commit yet"
    aside = "nothing was written"
    if held is not None and held.objects:
        aside = f"{words.count(held.objects, 'object')} quarantined, {words.size(held.size_bytes)}"
    return _row("kept", Text(f"{job.output_repo}@{job.output_branch} {stays}"), Text(aside, style="dim"), look)
