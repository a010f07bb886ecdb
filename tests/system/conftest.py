"""The fixtures of the system lane."""

from tests.system.fixtures import built, figures, installed, labresults, postgres, runner

__all__ = ["built", "figures", "installed", "labresults", "postgres", "runner"]  # fixtures of this lane
