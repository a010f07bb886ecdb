"""``runner sidecar``: the gateway and the life of a job whose process runs in another container."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from runner.cli.options import Command, Options, in_trio

_FILE = click.Path(dir_okay=False)
_SETTINGS = {
    "sidecar.listen": "listen",
    "sidecar.tls_cert": "tls_cert",
    "sidecar.tls_key": "tls_key",
    "admin.listen": "admin_listen",
    "gateway.advertise": "advertise",
    "auth.enabled": "auth",
    "job.inject": "inject",
}


@click.command("sidecar", cls=Command)
@click.argument("spec", metavar="SPEC", type=click.Path(path_type=Path))
@click.option(
    "--share", required=True, metavar="DIR", type=click.Path(path_type=Path), help="Folder that both sides share."
)
@click.option("-i", "--input", "inputs", multiple=True, metavar="NAME=SOURCE", help="A folder, a file, or REPO@BRANCH.")
@click.option("--job", "name", default="", metavar="ID", help="Of the job: opened under it, or its result repeated.")
@click.option("--hold", is_flag=True, help="Stay after the result until SIGTERM, as a native sidecar does.")
@click.option("--inject", type=click.Choice(("all", "s3-only", "compat")), help="Which variables the command gets.")
@click.option("--listen", metavar="HOST:PORT", help="Where the gateway listens; port 0 takes a free one.")
@click.option("--admin-listen", metavar="HOST:PORT", help="Where the admin port listens; empty: there is none.")
@click.option("--advertise", metavar="URL", help="What the other side is told instead of that address.")
@click.option("--auth", is_flag=True, default=None, help="Ask the other side for its token on every request.")
@click.option("--tls-cert", type=_FILE, metavar="FILE", help="Certificate chain; then the gateway speaks TLS.")
@click.option("--tls-key", type=_FILE, metavar="FILE", help="Its private key.")
@click.option("--ready-file", type=click.Path(path_type=Path), metavar="FILE", help="Also write the ready line there.")
@click.pass_obj
@in_trio
async def sidecar(options: Options, /, spec: Path, share: Path, ready_file: Path | None, **said: Any) -> int:
    """Open one job of SPEC whose command runs in another container, as DIR/run COMMAND.

    DIR/run needs nothing but sh. It waits for the gateway, runs the command with the job's environment, and ends as
    the job ends: with 0 when its commit is durable. The command is tried once, and its container is given the secrets
    of the spec by whoever starts it. Started again on the same DIR, the result is repeated. Once the gateway takes
    requests, stdout says where in one JSON line.
    """
    from runner.cli.daemon import log_to, say_ready
    from runner.cli.report import Verdict, leave_last_words, say
    from runner.cli.run import one_pipeline, sources_of
    from runner.cli.world import settings_of
    from runner.supervisor.sidecar import SidecarRequest
    from runner.supervisor.sidecar import sidecar as open_and_settle

    settings = settings_of(options, {name: said[key] for name, key in _SETTINGS.items() if said[key] is not None})
    request = SidecarRequest(
        pipeline=one_pipeline(spec, settings.project),
        share=share,
        sources=sources_of(said["inputs"]),
        job=said["name"],
        hold=said["hold"],
    )

    def ready(document: Mapping[str, str | None]) -> None:
        say_ready(document, ready_file)

    result = await open_and_settle(settings, request, log_to(settings), ready)
    options.outcome = result.status
    if result.status:
        say(Verdict(result.status, result.sentence))
    leave_last_words(result.sentence)
    return result.status
