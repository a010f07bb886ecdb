"""``runner serve``: the store over S3."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from runner.cli.options import Command, Options, in_trio

_FILE = click.Path(dir_okay=False)
_SETTINGS = {
    "serve.listen": "listen",
    "admin.listen": "admin_listen",
    "serve.tls_cert": "tls_cert",
    "serve.tls_key": "tls_key",
    "gateway.advertise": "advertise",
    "auth.enabled": "auth",
}


@click.command("serve", cls=Command)
@click.option("--listen", metavar="HOST:PORT", help="Where to listen; port 0 takes a free one.")
@click.option("--admin-listen", metavar="HOST:PORT", help="Where the admin port listens; empty: there is none.")
@click.option("--advertise", metavar="URL", help="What clients are told instead of that address.")
@click.option("--auth", is_flag=True, default=None, help="Ask for an account's token on every request.")
@click.option("--tls-cert", type=_FILE, metavar="FILE", help="Certificate chain; then the listener speaks TLS.")
@click.option("--tls-key", type=_FILE, metavar="FILE", help="Its private key.")
@click.option("--ready-file", type=click.Path(path_type=Path), metavar="FILE", help="Also write the ready line there.")
@click.pass_obj
@in_trio
async def serve(options: Options, /, ready_file: Path | None, **said: Any) -> int:
    """Serve the whole store over S3 until SIGTERM or Ctrl-C.

    Each branch is a bucket, BRANCH.REPO or REPO for its branch master; each commit too, COMMIT.BRANCH.REPO, which is
    only read. Writes become one commit when none came for some seconds. Once requests are taken, stdout says where in
    one JSON line.
    """
    from runner.cli.daemon import log_to, say_ready
    from runner.cli.world import settings_of
    from runner.supervisor.serve import serve as serve_store

    settings = settings_of(options, {name: said[key] for name, key in _SETTINGS.items() if said[key] is not None})

    def ready(endpoint: str, admin: str | None) -> None:
        say_ready({"endpoint": endpoint, "admin": admin}, ready_file)

    await serve_store(settings, log_to(settings), ready)
    return 0
