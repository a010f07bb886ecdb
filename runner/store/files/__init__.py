"""Folders and files of this machine into branches, and out of commits."""

from runner.store.files.counts import Counts, Progress
from runner.store.files.deleting import delete_below
from runner.store.files.exporting import OnOddKeys, check_destination, export_folder
from runner.store.files.importing import import_folder
from runner.store.files.reading import bucket_of

__all__ = [
    "Counts",
    "OnOddKeys",
    "Progress",
    "bucket_of",
    "check_destination",
    "delete_below",
    "export_folder",
    "import_folder",
]
