"""``runner store``: is the store whole."""

from __future__ import annotations

import click

from runner.cli.options import Options, in_trio, noun

DAMAGED = 4


@noun("store")
def store() -> None:
    """Check the store."""


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
    from runner.cli.world import opened
    from runner.store.check import check_store

    async with opened(options) as world:
        report = await check_store(world.store, read_data=read_data)
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
