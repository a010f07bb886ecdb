"""Folders and files of this machine into branches, and out of commits."""

from runner.store.files.counts import Counts, Progress
from runner.store.files.importing import import_folder

__all__ = ["Counts", "Progress", "import_folder"]
