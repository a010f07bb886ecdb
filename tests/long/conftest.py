"""The long lane stands on what the system lane stands on."""

from tests.system.fixtures import figures, installed, labresults, postgres, runner

__all__ = ["figures", "installed", "labresults", "postgres", "runner"]  # fixtures of this lane
