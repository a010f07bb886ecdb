"""The trees of ``provenance show``: what made a commit and what that read, and what was made from it."""

from __future__ import annotations

from rich.text import Text

from runner.cli import words
from runner.cli.inquiry import commit_of, input_read, reads_of
from runner.cli.looks import JOB_SIGNS
from runner.cli.tables import identifier, moment, took
from runner.cli.tree import Node, tree_lines
from runner.cli.world import World
from runner.model.commit import Commit, CommitOrigin
from runner.model.errors import NotFound
from runner.model.job import Job, JobInput, JobKey
from runner.model.provenance import Observed, ReadKind
from runner.store import Store, files
from runner.store.jobs import jobs
from runner.store.refusals import NoSuchKey
from runner.store.view import Bucket

SHOWN = 5
_NAME = 40
_ABOVE = Text("as above", style="dim")
_DEEPER = Text("--depth shows more", style="dim")


async def made_by(store: Store, commit: Commit) -> Job | None:
    """Return the job that wrote *commit*, unless a client did."""
    if commit.origin is not CommitOrigin.AUTO:
        return None
    try:
        return await jobs.inspect(store, JobKey(commit.project, commit.repo, commit.id))
    except NotFound:
        return None


async def ancestry(
    world: World, commit: Commit, job: Job | None, *, path: str | None, whole: bool, depth: int
) -> list[Text]:
    """Draw what *commit*, or one object of it, is from and what was made from it, each *depth* jobs far.

    Of each input of its own job the first few objects are told, all of them when *whole*.
    """
    root = Node(await _subject(world, commit, path))
    if job is None:
        root.add(Text("written by a client", style="dim"))
    else:
        node = root.add(_job_line(world, job))
        reads = [seen async for seen in reads_of(world.store, job)]
        drawn: set[tuple[str, str]] = {(commit.repo, commit.id)}
        for given in job.inputs:
            seen = [each for each in reads if each.input == given.name]
            below = await _add_input(world, node, given, seen, whole=whole)
            if below is not None:
                await _add_maker(world, below, given, drawn, depth - 1)
    return [*tree_lines(root, world.look), *await _users(world, commit, path, whole=whole, depth=depth)]


async def _add_maker(world: World, node: Node, given: JobInput, drawn: set[tuple[str, str]], depth: int) -> None:
    """Hang below an input the job that made it, with what that one was given, and so on."""
    commit = await commit_of(world.store, given)
    maker = None if commit is None else await made_by(world.store, commit)
    if maker is None:
        return
    if (given.repo, given.commit) in drawn or depth <= 0:
        node.add(_ABOVE if (given.repo, given.commit) in drawn else _DEEPER)
        return
    drawn.add((given.repo, given.commit))
    line = node.add(_job_line(world, maker))
    for each in maker.inputs:
        there = await commit_of(world.store, each)
        place = Text(f"{each.repo}@{identifier(each.commit, world.look)}")
        place.append("" if there else "  deleted since", style="yellow")
        await _add_maker(world, line.add(place), each, drawn, depth - 1)


async def _users(world: World, commit: Commit, path: str | None, *, whole: bool, depth: int) -> list[Text]:
    """Draw which jobs were given *commit*, and of one object whether they read it; then what was made of theirs."""
    root = Node(Text("used by"))
    readers = await jobs.list_readers(world.store, commit)
    drawn: set[tuple[str, str]] = set()
    for reader in readers if whole else readers[:SHOWN]:
        line = _job_line(world, reader)
        if path:
            names = {given.name for given in reader.inputs if (given.repo, given.commit) == (commit.repo, commit.id)}
            seen = [row async for row in reads_of(world.store, reader) if row.input in names]
            did = any(row.op is ReadKind.GET and row.key == path.encode() for row in seen)
            line.append("  read it" if did else "  did not read it", style="dim")
        await _add_made(world, root.add(line), reader, drawn, depth - 1)
    _add_more(root, 0 if whole else len(readers) - SHOWN, "more")
    return list(tree_lines(root, world.look)) if readers else []


async def _add_made(world: World, node: Node, job: Job, drawn: set[tuple[str, str]], depth: int) -> None:
    """Hang below a job the commit that it made, and the jobs that were given that, and so on."""
    made = await jobs.output(world.store, job.key)
    if made is None:
        return
    below = node.add(await _subject(world, made, None))
    readers = await jobs.list_readers(world.store, made)
    if readers and ((made.repo, made.id) in drawn or depth <= 0):
        below.add(_ABOVE if (made.repo, made.id) in drawn else _DEEPER)
        return
    drawn.add((made.repo, made.id))
    for reader in readers[:SHOWN]:
        await _add_made(world, below.add(_job_line(world, reader)), reader, drawn, depth - 1)
    _add_more(below, len(readers) - SHOWN, "more")


async def _subject(world: World, commit: Commit, path: str | None) -> Text:
    name = f"{commit.repo}@{identifier(commit.id, world.look)}"
    if path:
        entry = await files.bucket_of(world.store, commit).head(path.encode())
        return Text.assemble((f"{name}:/{words.visible(path)}", "bold"), f"  {words.size(entry.size)}")
    size = f"{words.count(commit.objects, 'object')}, {words.size(commit.size_bytes)}"
    return Text.assemble((name, "bold"), f"  {size}")


def _job_line(world: World, job: Job) -> Text:
    sign = JOB_SIGNS[job.state]
    when = f"{moment(job.started, world.now, world.look)}, {took(job, world.now)}, spec v{job.version}"
    return Text.assemble(
        (world.look.pick(sign.glyph, sign.ascii), sign.style),
        " ",
        (job.key.pipeline, "bold"),
        f" job {identifier(job.key.id, world.look)}  {when}",
    )


async def _add_input(world: World, node: Node, given: JobInput, seen: list[Observed], *, whole: bool) -> Node | None:
    """Hang an input below its job: what was read of it, what was not there, what was listed; None: it is gone."""
    commit = await commit_of(world.store, given)
    place = Text(f"{given.repo}@{identifier(given.commit, world.look)}  ")
    if commit is None:
        node.add(place.append("deleted since", style="yellow"))
        return None
    read = input_read(given.name, seen, commit.objects)
    place.append(f"read {words.count(read.objects_read)} of {words.count(commit.objects, 'object')}", style="dim")
    below = node.add(place)
    got = [row for row in seen if row.op is ReadKind.GET]
    bucket = files.bucket_of(world.store, commit)
    shown = got if whole else got[:SHOWN]
    width = min(max((len(words.key(row.key)) for row in shown), default=0), _NAME)
    for row in shown:
        below.add(Text(f"{words.key(row.key):<{width}}  {await _extent(bucket, row)}"))
    _add_more(below, len(got) - len(shown), "more")
    for kind, label in ((ReadKind.MISS, "absent"), (ReadKind.LIST, "listed"), (ReadKind.HEAD, "looked at")):
        rows = [row for row in seen if row.op is kind]
        rows = [row for row in rows if kind is not ReadKind.HEAD or row.key not in {each.key for each in got}]
        for row in rows if whole else rows[:SHOWN]:
            below.add(Text.assemble((f"{label} ", "yellow"), words.key(row.key) or "/"))
        _add_more(below, 0 if whole else len(rows) - SHOWN, f"more {label}")
    return below


def _add_more(node: Node, number: int, what: str) -> None:
    if number > 0:
        node.add(Text(f"{words.count(number)} {what}   --all shows them", style="dim"))


async def _extent(bucket: Bucket, row: Observed) -> str:
    """Say how much of an object was read."""
    try:
        size_bytes = (await bucket.head(row.key)).size
    except NoSuchKey:
        return "deleted since"
    if row.ranges == ((0, size_bytes),) or not size_bytes:
        return f"{words.size(size_bytes):>10}  whole"
    sent = sum(end - first for first, end in row.ranges)
    return f"{words.size(sent):>10} of {words.size(size_bytes)}  {words.count(len(row.ranges), 'range')}"
