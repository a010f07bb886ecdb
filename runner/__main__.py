"""The program: ``runner`` and ``python -m runner``."""

from __future__ import annotations

import sys
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line and leave with its status."""
    if sys.platform == "win32":
        sys.exit("runner needs Linux or macOS; on Windows use WSL2: https://learn.microsoft.com/windows/wsl/install")
    from runner.cli.app import execute

    sys.exit(execute(sys.argv[1:]))


if __name__ == "__main__":
    main()
