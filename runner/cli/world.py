"""What a command works on: the settings, the open store, the project, and how results are shown."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from runner.cli import words
from runner.cli.looks import Look, look_at, show
from runner.cli.options import Options, remark
from runner.host import settings as host_settings
from runner.host.sections import Settings
from runner.model import address
from runner.model.address import Address
from runner.model.commit import Commit
from runner.store import Store
from runner.store.history import commits
from runner.store.writing import branches
from runner.supervisor.storage import open_configured

if TYPE_CHECKING:
    from rich.text import Text


@dataclass(frozen=True, slots=True)
class World:
    """An open store and how to speak of it.

    Attributes:
        now: In the reader's zone.
        look: Of stdout.
    """

    store: Store
    options: Options
    settings: Settings
    project: str
    now: datetime
    look: Look

    def place(self, text: str) -> Address:
        """Read an address in the project; raises `InvalidAddress`."""
        return address.parse(text, project=self.project)

    async def commit_at(self, where: Address) -> Commit:
        """Find the commit that an address means, and mention what was written to the branch since.

        Raises:
            NoSuchRepo, NoSuchCommit, AmbiguousCommit.
        """
        if not where.back:
            branch = where.revision or address.DEFAULT_BRANCH
            count = await branches.count_staged(self.store, where.project, where.repo, branch)
            if count:
                remark(self.options, f"{words.count(count, 'change')} on {where.repo}@{branch} are in no commit yet")
        return await commits.resolve(self.store, where)

    def tell(self, document: Mapping[str, Any] | Sequence[Any], lines: Iterable[Text], *, nothing: str = "") -> None:
        """Print a result: as one JSON document, or as *lines*; of an empty one say *nothing* on stderr."""
        if self.options.is_json:
            print_json(document)
            return
        shown = list(lines)
        show(shown, self.look)
        if not shown and nothing and not self.options.quiet:
            sys.stderr.write(f"{nothing}\n")


def print_json(document: Any) -> None:
    """Print one JSON document on stdout, indented for a person."""
    indent = 2 if sys.stdout.isatty() else None
    sys.stdout.write(json.dumps(document, indent=indent, ensure_ascii=False, default=str) + "\n")
    sys.stdout.flush()


def flags_of(options: Options) -> dict[str, object]:
    """Return what the command line said of the settings."""
    flags = {
        "store": options.store,
        "blobs": options.blobs,
        "project": options.project,
        "log_format": options.log_format,
        "log_level": options.log_level,
    }
    return {name: value for name, value in flags.items() if value is not None}


def settings_of(options: Options, more: Mapping[str, object] | None = None) -> Settings:
    """Read the settings, the command line's over all others; *more* of it by dotted name. Raises `SettingInvalid`."""
    return host_settings.load(flags_of(options) | dict(more or {}), options.config)


@asynccontextmanager
async def opened(options: Options, *, settles: bool = True) -> AsyncIterator[World]:
    """Open the store for one command, as `open_configured`."""
    settings = settings_of(options)
    async with open_configured(settings, settles=settles) as store:
        yield World(store, options, settings, settings.project, datetime.now().astimezone(), look_at(sys.stdout))
