"""``runner account``: who may use a gateway that asks."""

from __future__ import annotations

import sys

import click

from runner.cli.options import Options, in_trio, noun, remark
from runner.model.account import EVERY_REPO, Access, AccessLevel

_LEVELS = ("read", "write", "admin")


@noun("account")
def account() -> None:
    """Create, list and revoke accounts, and make tokens for them."""


@account.command("create")
@click.argument("name")
@click.option("--grant", "grants", multiple=True, metavar="REPO=LEVEL", help="read, write or admin; * is every repo.")
@click.option("--token", metavar="TOKEN", help="To be known by, in place of one that is drawn.")
@click.pass_obj
@in_trio
async def create(options: Options, name: str, grants: tuple[str, ...], token: str | None) -> None:
    """Make an account and print its token, which is access key and secret key at once.

    The token is shown this once. Whatever repos the account makes are its own; others it sees by a grant.
    """
    from runner.cli.world import opened
    from runner.store import accounts

    async with opened(options) as world:
        access = [_grant(text, world.project) for text in grants]
        made = await accounts.create(world.store, name, access, token)
        remark(options, f"made the account {name}; its token, shown this once:")
        _print_token(options, name, made)


@account.command("token")
@click.argument("name")
@click.option("--ttl", metavar="DURATION", help="How long it is good for, such as 1h; without, until it is revoked.")
@click.option("--read", "reads", multiple=True, metavar="REPO", help="It may read this repo, and nothing else.")
@click.pass_obj
@in_trio
async def token_(options: Options, name: str, ttl: str | None, reads: tuple[str, ...]) -> None:
    """Make another token of an account and print it, this once.

    A presigned URL carries the token that signed it: for such URLs make one that can little and dies soon.
    """
    from runner.cli.world import opened
    from runner.spec.durations import parse_duration
    from runner.store import accounts

    seconds = None if ttl is None else parse_duration(ttl)
    async with opened(options) as world:
        repos = [(world.project, repo) for repo in reads] or None
        made = await accounts.issue(world.store, name, seconds=seconds, reads=repos)
        remark(options, f"made a token of {name}, shown this once:")
        _print_token(options, name, made)


@account.command("list")
@click.pass_obj
@in_trio
async def list_(options: Options) -> None:
    """List the accounts and what they may do."""
    from runner.cli import documents, tables
    from runner.cli.world import opened
    from runner.store import accounts

    async with opened(options) as world:
        found = await accounts.list_accounts(world.store)
        world.tell(
            [documents.account_info(each) for each in found],
            tables.accounts_table(found, world.now, world.look),
            nothing="no accounts yet; runner account create NAME makes one",
        )


@account.command("revoke")
@click.argument("name")
@click.pass_obj
@in_trio
async def revoke(options: Options, name: str) -> None:
    """Remove an account with its tokens and rights; the repos that it made stay."""
    from runner.cli.world import opened
    from runner.store import accounts

    async with opened(options) as world:
        await accounts.revoke(world.store, name)
        remark(options, f"revoked the account {name}")


def _grant(text: str, project: str) -> Access:
    repo, equals, level = text.rpartition("=")
    if not equals or not repo or level not in _LEVELS:
        raise click.UsageError(f"{text!r} is no grant; write REPO=read, REPO=write or REPO=admin")
    return Access("" if repo == EVERY_REPO else project, repo, AccessLevel[level.upper()])


def _print_token(options: Options, name: str, token: str) -> None:
    from runner.cli.world import print_json

    if options.is_json:
        print_json({"account": {"name": name}, "token": token})
    else:
        sys.stdout.write(f"{token}\n")
