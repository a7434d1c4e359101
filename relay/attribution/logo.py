"""Logos: pictures that belong to a person's signature, told by their return and not by their names.

The same small picture in three messages of one author is a piece of a signature (or of a letter-head), on all of them,
whichever was filed first. Here it is decided which parts can be that at all; the store counts them
(`schema/0008_h_attachments.sql`). What a person attached stays an attachment however often it is sent: a price list
that goes to fifty leads is no logo, and a hidden file is worse than a listed logo.
"""

from __future__ import annotations

import re

from relay.attribution.record import PartKind

LOGO = 64 * 1024
"""Octets up to which a picture in the text can be a logo. Icons and logos have 1 to 30 KiB; charts and photographs,
which people paste, are mostly larger."""

TINY = 16 * 1024
"""Octets up to which a picture that is listed as an attachment can be one: some servers and programs turn the
pictures of a signature into attachments."""

_BY_PROGRAM = re.compile(r"(?:image|att|outlook-|part)[-_]?[0-9a-z]{0,12}\.(?:png|gif|jpe?g|bmp)|", re.IGNORECASE)
"""Names that programs give to pictures in a text; people name their files otherwise. No name at all is one too."""


def may_return(kind: PartKind, media_type: str, filename: str, content_id: str, size: int) -> bool:
    """Is the part, which is of this kind by its own message (`kind`), one whose return would make it a logo?"""
    if not media_type.startswith("image/") or not 0 < size <= LOGO:
        return False
    if kind is PartKind.ATTACHMENT:
        return size <= TINY and (bool(content_id) or _BY_PROGRAM.fullmatch(filename) is not None)
    return True
