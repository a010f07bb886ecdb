"""When Python looks for garbage: not while modules are imported, afterwards as it always does.

Imports make some 500,000 objects that stay, and looking for garbage among them was a fifth of the start.
"""

from __future__ import annotations

import gc


def begin_imports() -> None:
    """Do not look from now on."""
    gc.disable()


def end_imports() -> None:
    """Look as usual from now on, but never at what is there now (https://docs.python.org/3/library/gc.html)."""
    gc.freeze()
    gc.enable()
