"""Tag lists: `v=1; d=example.org; ...`, the form of DKIM, ARC and DMARC (RFC 6376 §3.2)."""

from __future__ import annotations

import re

MOST = 64
"""Tags of one list; real ones have a dozen."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


def tag_list(text: str) -> dict[str, str] | None:
    """Tag -> value with blanks around it removed; None when it is no tag list, or names a tag twice."""
    found: dict[str, str] = {}
    parts = text.split(";", MOST + 1)
    if len(parts) > MOST:
        return None
    for part in parts:
        if not part.strip():
            continue
        name, equals, value = part.partition("=")
        name = name.strip()
        if not equals or not _NAME.fullmatch(name) or name in found:
            return None
        found[name] = value.strip()
    return found


def unfolded(value: str) -> str:
    """A value without any blanks: base64 is written over several lines."""
    return "".join(value.split())
