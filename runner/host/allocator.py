"""How the C library keeps memory."""

from __future__ import annotations

import ctypes
import platform

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -2, -3, -8
_MEBIBYTE = 1024 * 1024


def keep_large_blocks() -> bool:
    """Let freed blocks of some MiB be used again instead of going back to the system; of this process, for good.

    By itself glibc maps a block of 128 KiB and more afresh each time, and each MiB received then costs 256 page
    faults: a third of the work of receiving. Up to 128 MiB that were in use at once stay with the process. All threads
    share one arena: each would keep such blocks of its own, and only one at a time runs Python.

    Returns:
        False where there is no glibc, and nothing was changed.

    Source: https://man7.org/linux/man-pages/man3/mallopt.3.html
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    settings = (
        (_M_ARENA_MAX, 1),
        (_M_MMAP_THRESHOLD, 32 * _MEBIBYTE),  # the most that glibc takes
        (_M_TRIM_THRESHOLD, 128 * _MEBIBYTE),
        (_M_TOP_PAD, 16 * _MEBIBYTE),
    )
    return all(mallopt(name, value) == 1 for name, value in settings)
