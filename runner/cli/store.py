"""``runner store``: whether it is whole, how much it holds, and what of that is garbage."""

from __future__ import annotations

import click

from runner.cli.options import Options, in_trio, noun

DAMAGED = 4


@noun("store")
def store() -> None:
    """Check, measure and clean the store."""


@store.command("check")
@click.option(
    "--read-data/--no-read-data", default=True, show_default=True, help="Read every byte and compare its digest."
)
@click.pass_obj
@in_trio
async def check(options: Options, *, read_data: bool) -> int:
    """Check the store from branches down to bytes; changes nothing, ends with 4 when there is damage."""
    from rich.text import Text

    from runner.cli import documents, words
    from runner.cli.looks import FAILED, SUCCEEDED
    from runner.cli.progress import progress_of_parts
    from runner.cli.world import opened
    from runner.store.check import check_store

    async with opened(options, settles=False) as world:
        with progress_of_parts(options) as tell:
            report = await check_store(
                world.store, read_data=read_data, tell=lambda part, *counts: tell("checking", part, *counts)
            )
        sign = SUCCEEDED._replace(word="sound") if report.is_sound else FAILED._replace(word="damaged")
        looked = (
            f"{words.count(report.commits, 'commit')}, {words.count(report.entries, 'entry')}, "
            f"{words.count(report.blobs, 'blob')} of {words.size(report.size_bytes)}"
        )
        lines = [sign.text(world.look).append(f"  {looked}" + ("" if read_data else ", bytes not read"))]
        for problem in report.problems:
            lines.append(Text(f"  {words.visible(problem.what)}"))
            lines += [Text(f"    touches {words.visible(touched)}", style="dim") for touched in problem.touches]
        lines += [Text(f"  {words.visible(note)}", style="dim") for note in report.notes]
        world.tell(documents.check_info(report, read_data=read_data), lines)
        return 0 if report.is_sound else DAMAGED


@store.command("stats")
@click.pass_obj
@in_trio
async def stats(options: Options) -> None:
    """Show how much the store holds, as its users count it and as it lies on the disk."""
    from runner.cli import documents, tables, words
    from runner.cli.world import opened
    from runner.store.stats import measure

    async with opened(options) as world:
        found = await measure(world.store)
        failed = f", {words.count(found.quarantined)} of failed jobs" if found.quarantined else ""
        world.tell(
            documents.stats_info(found),
            tables.pairs(
                [
                    ("repos", words.count(found.repos)),
                    ("branches", words.count(found.branches)),
                    ("commits", f"{words.count(found.commits)}{failed}"),
                    ("at the heads", f"{words.count(found.objects, 'object')}, {words.size(found.head_bytes)}"),
                    ("all commits", f"{words.size(found.logical_bytes)}, each counted as a copy"),
                    ("stored", f"{words.count(found.blobs, 'blob')}, {words.size(found.stored_bytes)}"),
                    ("deduplication", f"{found.deduplication:.1f} times"),
                    (
                        "in the object store" if world.store.blobs.is_remote else "on disk",
                        f"{words.size(found.disk_bytes)}, the catalog {words.size(found.catalog_bytes)}",
                    ),
                ]
            ),
        )


@store.command("gc")
@click.option("--dry-run", is_flag=True, help="Change nothing, say what is garbage.")
@click.option("--grace", metavar="DURATION", help="Keep what was found less than so long ago: 10m, 0s.")
@click.option("--quarantine", metavar="DURATION", help="Keep what failed jobs left for so long: 168h.")
@click.pass_obj
@in_trio
async def gc(options: Options, *, dry_run: bool, grace: str | None, quarantine: str | None) -> None:
    """Remove what nothing refers to any more: content of deleted commits, what failed jobs left.

    What is found is removed by a later run, once its grace is over, since somebody may still be reading it. A grace of
    0s removes it at once, for when nothing else uses the store.
    """
    from rich.text import Text

    from runner.cli import documents, words
    from runner.cli.world import opened
    from runner.spec.durations import parse_duration
    from runner.store.collect import Graces, collect

    async with opened(options) as world:
        chosen = world.settings.gc
        usual = chosen.remote_grace_seconds if world.store.blobs.is_remote else chosen.grace_seconds
        graces = Graces(
            usual if grace is None else parse_duration(grace),
            chosen.quarantine_seconds if quarantine is None else parse_duration(quarantine),
        )
        found = await collect(world.store, graces, dry_run=dry_run)
        garbage = f"{words.count(found.blobs, 'blob')}, {words.size(found.size_bytes)}"
        lines = [Text(f"garbage: {garbage}, {words.count(found.commits, 'quarantined commit')}")]
        if not dry_run:
            waiting = found.blobs - found.removed_blobs
            kept = f"; {words.count(waiting, 'blob')} kept for {words.duration(graces.seconds)}" if waiting else ""
            lines.append(Text(f"freed: {words.size(found.freed_bytes)}{kept}"))
        world.tell(documents.collect_info(found, dry_run=dry_run), lines)


@store.command("migrate")
@click.pass_obj
@in_trio
async def migrate(options: Options) -> None:
    """Bring the store to the form of this release; a folder is migrated whenever it is opened."""
    import trio

    from runner.cli.options import remark
    from runner.cli.world import opened, print_json, settings_of
    from runner.store.catalog.schema import FORMAT
    from runner.store.opening import find_engine

    found = await trio.to_thread.run_sync(find_engine(settings_of(options).store).migrate)
    async with opened(options) as world:
        if options.is_json:
            print_json({"store": world.store.place, "from": found, "format": FORMAT})
        else:
            came = f", it had {found}" if 0 < found < FORMAT else ""
            remark(options, f"the store {world.store.place} has format {FORMAT}{came}")
