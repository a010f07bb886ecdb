"""Where a user's home folder is; in a container nothing may say so."""

from __future__ import annotations

import os
from pathlib import Path

from runner.model.errors import Invalid


class NoHome(Invalid):
    """A path begins with ``~`` or ``~name``, and neither HOME nor the list of users says where that is."""


def expand_home(path: str | os.PathLike[str]) -> Path:
    """Return *path* with a ``~`` or ``~name`` at its start replaced.

    Raises:
        NoHome.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError as exc:
        raise NoHome(
            f"{os.fspath(path)}: there is no home folder {Path(path).parts[0]}", hint="write the whole path"
        ) from exc
