"""Real attachments are told from pictures in the text and pieces of signatures."""

from __future__ import annotations

from hashlib import sha256

import pytest
from letters import mail, record

from relay.attribution.kind import filed_parts
from relay.attribution.record import PartKind
from relay.mail.message import Part

PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)


@pytest.mark.parametrize(
    ("part", "kind"),
    [
        (Part(0, "application/pdf", "a.pdf", "", "attachment", b"x"), PartKind.ATTACHMENT),
        (Part(0, "application/pdf", "a.pdf", "", "inline", b"x"), PartKind.ATTACHMENT),
        (Part(0, "image/png", "image001.png", "i1@x", "", PNG, referenced=True), PartKind.INLINE),
        (Part(0, "image/png", "", "", "inline", PNG), PartKind.INLINE),
        (Part(0, "image/png", "image001.png", "i1@x", "inline", PNG), PartKind.INLINE),
        (Part(0, "image/jpeg", "IMG_1.jpeg", "", "inline", PNG), PartKind.ATTACHMENT),
        (Part(0, "image/jpeg", "IMG_1.jpeg", "i@x", "attachment", PNG), PartKind.ATTACHMENT),
        (Part(0, "application/pkcs7-signature", "smime.p7s", "", "attachment", b"x"), PartKind.SIGNATURE),
        (Part(0, "text/calendar", "", "", "", b"x"), PartKind.INLINE),
        (Part(0, "text/calendar", "invite.ics", "", "attachment", b"x"), PartKind.ATTACHMENT),
        (Part(0, "message/rfc822", "", "", "", b"x"), PartKind.ATTACHMENT),
        (Part(0, "message/delivery-status", "", "", "", b"x"), PartKind.INLINE),
    ],
)
def test_the_kind_of_a_part(part, kind):
    (filed,) = filed_parts([part])
    assert (filed.kind, filed.digest, filed.content) == (kind, sha256(part.content).hexdigest(), part.content)


def test_a_small_picture_shown_twice_in_one_mail_is_a_logo():
    logo = [Part(n, "image/png", f"image00{n}.png", f"i{n}@x", "", PNG, referenced=True) for n in range(2)]
    chart = Part(2, "image/png", "chart.png", "c@x", "", PNG + b"chart", referenced=True)
    assert [part.kind for part in filed_parts([*logo, chart])] == ["signature", "signature", "inline"]


def test_only_real_attachments_count():
    one = record(
        mail(files=(("plan.pdf", "application/pdf", b"%PDF"), ("sig.p7s", "application/pkcs7-signature", b"x")))
    )
    assert one.attachment_count == 1
