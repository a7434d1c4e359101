"""Kinds of parts: a file someone sent, a picture in the text, or a piece of a signature.

Decides from one message alone and only the clear cases; what is in doubt is an attachment, since a
hidden file is worse than a listed logo. Logos that are told by their return in other mails are `logo`'s.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from hashlib import sha256

from relay.attribution.danger import danger
from relay.attribution.logo import LOGO, may_return
from relay.attribution.personal import hidden
from relay.attribution.record import FiledPart, PartKind
from relay.mail import signed
from relay.mail.message import Part

_TECHNICAL = frozenset(
    {"application/pgp-signature", "application/pkcs7-signature", "application/x-pkcs7-signature",
     "application/pgp-keys"}
)  # fmt: skip
_REPORT = frozenset({"message/delivery-status", "message/disposition-notification", "text/rfc822-headers"})


ATTACHMENTS_NOT_KEPT = "attachments-not-kept"
"""Defect: the octets of the parts are not in the database, as the message is too large for that."""


def filed_parts(parts: Sequence[Part], *, kept: bool = True) -> tuple[FiledPart, ...]:
    """The parts with their kinds, what they could do, and the digests of their contents, in order. `kept`: are their
    octets to be stored?
    """
    if not parts:
        return ()
    digests = [sha256(part.content).hexdigest() for part in parts]
    again = {digest for digest, times in Counter(digests).items() if times > 1}
    return tuple(
        _filed(part, digest, again=digest in again, kept=kept) for part, digest in zip(parts, digests, strict=True)
    )


def _filed(part: Part, digest: str, *, again: bool, kept: bool) -> FiledPart:
    kind = _kind(part, again=again)
    return FiledPart(
        position=part.position,
        media_type=part.media_type,
        filename=hidden(part.filename),
        content_id=part.content_id,
        kind=kind,
        digest=digest,
        content=part.content,
        danger=danger(part.filename, part.media_type, part.content),
        may_return=may_return(kind, part.media_type, part.filename, part.content_id, len(part.content)),
        kept=kept,
    )


def _kind(part: Part, *, again: bool) -> PartKind:
    """`again`: the same content is in the message more than once."""
    if part.media_type in _TECHNICAL or (part.media_type in signed.TYPES and signed.content(part.content)[0]):
        return PartKind.SIGNATURE
    if part.media_type in _REPORT:
        return PartKind.INLINE
    picture = part.media_type.startswith("image/")
    # Shown by the HTML, or meant to be: a picture "inline" with a Content-ID or without a name. Phones send
    # photographs inline too, with a name and nothing that shows them: those are attachments.
    inline = part.referenced or (
        part.disposition == "inline" and picture and (bool(part.content_id) or not part.filename)
    )
    if inline and picture and again and len(part.content) <= LOGO:
        return PartKind.SIGNATURE
    if inline:
        return PartKind.INLINE
    if part.media_type == "text/calendar" and part.disposition != "attachment" and not part.filename:
        return PartKind.INLINE  # the invitation itself, beside its text (RFC 6047)
    return PartKind.ATTACHMENT
