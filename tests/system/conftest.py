"""The fixtures of the system lane."""

from tests.system.fixtures import figures, installed, labresults, runner

__all__ = ["figures", "installed", "labresults", "runner"]  # fixtures of this lane
