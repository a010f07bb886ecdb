"""The program: ``runner`` and ``python -m runner``."""

from __future__ import annotations

import signal
import sys
from types import FrameType
from typing import NoReturn

from runner.host.garbage import begin_imports
from runner.host.init import leave_init_behind


def main() -> NoReturn:
    """Run the command line and leave with its status."""
    if sys.platform == "win32":
        sys.exit("runner needs Linux or macOS; on Windows use WSL2: https://learn.microsoft.com/windows/wsl/install")
    leave_init_behind()  # first: it forks, and everything below is for the child alone
    begin_imports()
    from runner.cli.app import execute
    from runner.cli.options import Options

    options = Options()

    def terminate(number: int, _frame: FrameType | None) -> None:
        """Die of the signal, but not once the outcome stands: that would tell our parent that nothing was done."""
        if options.outcome is None:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)

    signal.signal(signal.SIGTERM, terminate)
    sys.exit(execute(sys.argv[1:], options))


if __name__ == "__main__":
    main()
