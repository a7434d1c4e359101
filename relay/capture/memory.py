"""Memory that large messages used goes back to the system.

The C library keeps freed blocks of such sizes for itself (after the first one of 25 MB it takes such blocks
from its heap, where one small block above them holds all of it). A service that once took twenty large mails
at a time would look as large for ever after, and be the first that the kernel kills.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable


def _trim() -> Callable[[], object]:
    """Glibc's malloc_trim(3), over all its arenas; elsewhere nothing (musl gives memory back by itself)."""
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError):
        return lambda: None
    trim.argtypes = [ctypes.c_size_t]
    trim.restype = ctypes.c_int
    return lambda: trim(0)


give_back: Callable[[], object] = _trim()
"""Give freed memory back to the system: a few milliseconds, so not after each message."""
