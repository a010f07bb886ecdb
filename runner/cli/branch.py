"""``runner branch``: names that point at commits."""

from __future__ import annotations

import click

from runner.cli.options import Options, in_trio, noun, remark
from runner.model.address import Address
from runner.model.errors import Invalid


class BranchNotNamed(Invalid):
    """A branch is named by ``REPO@BRANCH``."""


@noun("branch")
def branch() -> None:
    """Create, list, inspect and delete branches."""


def _named(place: Address) -> tuple[str, str]:
    """Return repo and branch of an address that names just these; raises `BranchNotNamed`."""
    if not place.is_branch:
        raise BranchNotNamed(f"{place} does not name a branch", hint=f"write {place.repo}@BRANCH")
    return place.repo, place.revision


@branch.command("create")
@click.argument("address", metavar="REPO@BRANCH")
@click.option("--head", metavar="ADDRESS", help="The commit of the same repo that it begins at; without: empty.")
@click.pass_obj
@in_trio
async def create(options: Options, address: str, head: str | None) -> None:
    """Make a branch, empty or at a commit."""
    from runner.cli.places import whole
    from runner.cli.world import opened
    from runner.store.history import commits
    from runner.store.writing import branches

    async with opened(options) as world:
        repo, name = _named(world.place(address))
        at = (await commits.resolve(world.store, whole(world.place(head)))).id if head else None
        await branches.create(world.store, world.project, repo, name, at)
        remark(options, f"made the branch {repo}@{name}" + (f" at {at}" if at else ""))


@branch.command("list")
@click.argument("repo")
@click.pass_obj
@in_trio
async def list_(options: Options, repo: str) -> None:
    """List the branches of a repo."""
    from runner.cli import documents, tables
    from runner.cli.world import opened
    from runner.store.writing import branches

    async with opened(options) as world:
        found = await branches.list_branches(world.store, world.project, repo)
        world.tell(
            [documents.branch_info(each) for each in found],
            tables.branches_table(found, world.now, world.look),
            nothing=f"{repo} has no branches yet",
        )


@branch.command("inspect")
@click.argument("address", metavar="REPO@BRANCH")
@click.pass_obj
@in_trio
async def inspect(options: Options, address: str) -> None:
    """Show one branch."""
    from runner.cli import documents, tables
    from runner.cli.world import opened
    from runner.store.writing import branches

    async with opened(options) as world:
        repo, name = _named(world.place(address))
        found = await branches.inspect(world.store, world.project, repo, name)
        world.tell(
            documents.branch_info(found),
            tables.pairs(
                [
                    ("branch", f"{found.repo}@{found.name}"),
                    ("head", found.head or "none yet"),
                    ("created", tables.exact(found.created, world.now, world.look)),
                ]
            ),
        )


@branch.command("delete")
@click.argument("address", metavar="REPO@BRANCH")
@click.pass_obj
@in_trio
async def delete(options: Options, address: str) -> None:
    """Delete a branch; its commits stay."""
    from runner.cli.world import opened
    from runner.store.writing import branches

    async with opened(options) as world:
        repo, name = _named(world.place(address))
        await branches.delete(world.store, world.project, repo, name)
        remark(options, f"deleted the branch {repo}@{name}")
