"""``runner worker``: jobs as inputs move."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from runner.cli.options import Command, Options, in_trio
from runner.model.errors import Invalid

if TYPE_CHECKING:
    from runner.model.pipeline import Pipeline


class NothingToDo(Invalid):
    """A worker was given no pipeline."""


_SETTINGS = {
    "admin.listen": "admin_listen",
    "auth.enabled": "auth",
    "worker.coalesce": "coalesce",
    "job.inject": "inject",
    "gateway.listen": "listen",
    "gateway.advertise": "advertise",
}


@click.command("worker", cls=Command)
@click.argument("specs", nargs=-1, metavar="[SPEC]...", type=click.Path(path_type=Path))
@click.option("-p", "--pipeline", "names", multiple=True, metavar="NAME", help="A pipeline that is registered.")
@click.option("--coalesce", is_flag=True, default=None, help="Skip jobs that a newer one has made needless.")
@click.option("--secret", "secrets", multiple=True, metavar="NAME/KEY=FILE", help="A secret that a spec asks for.")
@click.option("--inject", type=click.Choice(("all", "s3-only", "compat")), help="Which variables the commands get.")
@click.option("--listen", metavar="HOST:PORT", help="Where the gateway of each job listens.")
@click.option("--admin-listen", metavar="HOST:PORT", help="Where the admin port listens; empty: there is none.")
@click.option("--advertise", metavar="URL", help="What commands are told instead of that address.")
@click.option("--auth", is_flag=True, default=None, help="Ask commands for their token on every request.")
@click.option("--ready-file", type=click.Path(path_type=Path), metavar="FILE", help="Also write the ready line there.")
@click.pass_obj
@in_trio
async def worker(
    options: Options, /, specs: tuple[Path, ...], names: tuple[str, ...], ready_file: Path | None, **said: Any
) -> int:
    """Run a job of each SPEC for every new commit on a branch that it reads, until SIGTERM or Ctrl-C.

    The specs are registered first, as runner pipeline create and update do; SIGHUP reads them again. A job takes the id
    of the commit that made it, and so do those of the pipelines that read its output. Many workers may share a store;
    each runs one job at a time. Once it watches, stdout says so in one JSON line.
    """
    from runner.cli.daemon import log_to, say_ready
    from runner.cli.run import secrets_of
    from runner.cli.spec import show_warnings
    from runner.cli.world import settings_of
    from runner.host.pod import is_pod
    from runner.spec.pipelines import load_pipelines
    from runner.supervisor.worker import Started, WorkerRequest, work

    if not specs and not names:
        raise NothingToDo("runner worker needs a SPEC, or --pipeline NAME", hint="runner pipeline list shows names")
    settings = settings_of(options, {name: said[key] for name, key in _SETTINGS.items() if said[key] is not None})

    def read(spec: Path) -> list[Pipeline]:
        loaded = load_pipelines(spec, project=settings.project)
        show_warnings(loaded, has_image=is_pod())
        return [one.pipeline for one in loaded]

    def ready(started: Started) -> None:
        say_ready({"endpoint": None, "admin": started.admin, "pipelines": list(started.pipelines)}, ready_file)

    request = WorkerRequest(specs=specs, read=read, names=names, secrets=secrets_of(said["secrets"]))
    await work(settings, request, log_to(settings), ready)
    return 0
