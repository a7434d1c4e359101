"""Imported mail: by which octets the same mail of two mailboxes is the same.

Mail stores write fields of their own into mail: labels, flags, sizes. They change from one export to the next and
between folders, so they do not count, and neither do blank lines at the end, which mbox files add and lose.
"""

from __future__ import annotations

import re
from hashlib import sha256

HEADER = 1 << 20
"""Octets in which the end of a header is looked for; a longer one counts as it is."""

_OF_STORES = (
    rb"X-Gmail-Labels|X-GM-THRID|X-GM-MSGID|X-Mozilla-Status2?|X-Mozilla-Keys|X-Status|Status|X-Keywords|X-UID"
    rb"|X-UIDL|X-IMAP|X-IMAPbase|Content-Length|Lines|X-Evolution|X-Evolution-Source|X-Account-Key"
    rb"|X-Apple-[A-Za-z-]{1,40}"
)
_FIELD = re.compile(rb"^(?:" + _OF_STORES + rb")[ \t]*:[^\n]*\n(?:[ \t][^\n]*\n)*", re.IGNORECASE | re.MULTILINE)


def digest(content: bytes) -> bytes:
    """sha256 of a mail as it was handed in (lines ended with CRLF), 32 octets."""
    end = content.find(b"\r\n\r\n", 0, HEADER)
    if end < 0:
        return sha256(content.rstrip(b"\r\n")).digest()
    header = _FIELD.sub(b"", content[: end + 2])
    found = sha256(header)
    found.update(content[end:].rstrip(b"\r\n"))
    return found.digest()
