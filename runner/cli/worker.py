"""``runner worker``: jobs as inputs move."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from runner.cli.options import Command, Options, in_trio

_SETTINGS = {
    "admin.listen": "admin_listen",
    "auth.enabled": "auth",
    "job.inject": "inject",
    "gateway.listen": "listen",
    "gateway.advertise": "advertise",
}


@click.command("worker", cls=Command)
@click.argument("specs", nargs=-1, required=True, metavar="SPEC...", type=click.Path(path_type=Path))
@click.option("--secret", "secrets", multiple=True, metavar="NAME/KEY=FILE", help="A secret that a spec asks for.")
@click.option("--inject", type=click.Choice(("all", "s3-only", "compat")), help="Which variables the commands get.")
@click.option("--listen", metavar="HOST:PORT", help="Where the gateway of each job listens.")
@click.option("--admin-listen", metavar="HOST:PORT", help="Where the admin port listens; empty: there is none.")
@click.option("--advertise", metavar="URL", help="What commands are told instead of that address.")
@click.option("--auth", is_flag=True, default=None, help="Ask commands for their token on every request.")
@click.option("--ready-file", type=click.Path(path_type=Path), metavar="FILE", help="Also write the ready line there.")
@click.pass_obj
@in_trio
async def worker(options: Options, /, specs: tuple[Path, ...], ready_file: Path | None, **said: Any) -> int:
    """Run a job of each SPEC for every new commit on a branch that it reads, until SIGTERM or Ctrl-C.

    A job takes the id of the commit that made it, and so do those of the pipelines that read its output. Many workers
    may share a store; each runs one job at a time. Once it watches, stdout says so in one JSON line.
    """
    from runner.cli.daemon import log_to, say_ready
    from runner.cli.run import secrets_of
    from runner.cli.spec import show_warnings
    from runner.cli.world import settings_of
    from runner.spec.pipelines import load_pipelines
    from runner.supervisor.worker import WorkerRequest, work

    settings = settings_of(options, {name: said[key] for name, key in _SETTINGS.items() if said[key] is not None})
    loaded = [one for spec in specs for one in load_pipelines(spec, project=settings.project)]
    show_warnings(loaded)
    request = WorkerRequest(pipelines=[one.pipeline for one in loaded], secrets=secrets_of(said["secrets"]))
    names = [one.pipeline.name for one in loaded]

    def ready(admin: str | None) -> None:
        say_ready({"endpoint": None, "admin": admin, "pipelines": names}, ready_file)

    await work(settings, request, log_to(settings), ready)
    return 0
