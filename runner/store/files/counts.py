"""How far an import or export is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(slots=True)
class Counts:
    """Objects and their bytes."""

    objects: int = 0
    size_bytes: int = 0

    def add(self, size_bytes: int) -> None:
        """Count one object."""
        self.objects += 1
        self.size_bytes += size_bytes


Progress = Callable[[Counts, Counts], None]
"""Told now and then, on the loop's thread: what is done, and what there is in all."""


def silent(_done: Counts, _total: Counts) -> None:
    """Tell nobody."""
