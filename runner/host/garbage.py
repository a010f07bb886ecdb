"""How often Python looks for garbage: seldom while modules are imported, afterwards as it always does.

Imports make some 500,000 objects that stay, and looking for garbage among them was a fifth of the start. Afterwards a
daemon that hardly ever looked would grow by what each job leaves in cycles.
"""

from __future__ import annotations

import gc

OBJECTS_WHILE_IMPORTING = 20_000
"""New objects between two looks."""

_USUAL = gc.get_threshold()


def begin_imports() -> None:
    """Look seldom from now on."""
    gc.set_threshold(OBJECTS_WHILE_IMPORTING, *_USUAL[1:])


def end_imports() -> None:
    """Look as usual from now on, but never again at what is there now (https://docs.python.org/3/library/gc.html)."""
    gc.freeze()
    gc.set_threshold(*_USUAL)
