"""The long lane stands on what the system lane stands on."""

from tests.system.fixtures import figures, installed, labresults, runner

__all__ = ["figures", "installed", "labresults", "runner"]  # fixtures of this lane
