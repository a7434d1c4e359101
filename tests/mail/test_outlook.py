"""Outlook's own files: what a .msg and a winmail.dat say, and what a hostile one costs."""

from __future__ import annotations

import random
import struct
import time
import tracemalloc
from datetime import UTC, datetime
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from outlook_files import (
    BINARY,
    EIGHT_BIT,
    EXCHANGE,
    LONG,
    SENT,
    TEXT,
    TIME,
    Item,
    attachment,
    compound,
    embedded,
    filetime,
    html_in_rtf,
    msg,
    note,
    packed,
    recipient,
    tnef,
)

from relay.mail import signed
from relay.mail.container import message_in, opened
from relay.mail.message import Message, Part
from relay.mail.outlook import internet, message, rtf
from relay.mail.outlook import tnef as tnef_reader
from relay.mail.outlook.effort import Effort
from relay.mail.outlook.packed import unpacked
from relay.mail.reading import parse


def read(item: Item, **how: int) -> Message:
    found = message.read(msg(item, **how), Effort())
    assert found is not None
    return found


def winmail(octets: bytes, text: str = "") -> Message:
    head = b"From: Rep <rep@our.example>\r\nTo: crm@relay.example\r\nDate: Tue, 05 May 2026 11:00:00 +0200\r\n"
    head += b'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="=b"\r\n\r\n'
    body = b"--=b\r\nContent-Type: text/plain\r\n\r\n" + text.encode() + b"\r\n--=b\r\n"
    body += b'Content-Type: application/ms-tnef; name="winmail.dat"\r\nContent-Transfer-Encoding: binary\r\n\r\n'
    return opened(parse(head + body + octets + b"\r\n--=b--\r\n"))


@pytest.mark.parametrize("sector", [512, 4096])
def test_a_msg_file_says_who_wrote_what_to_whom_and_when(sector: int) -> None:
    people = (
        recipient("Rep", "rep@our.example"),
        recipient("Carl Öst", "carl@lead.example", 2),
        recipient("Bea", "bea@our.example", 3),
    )
    found = read(
        note(to=people, html=b"<p>Dear Rep,</p>", attachments=(attachment("plan.pdf", b"%PDF" * 2000),)), sector=sector
    )
    assert [(str(one.address), one.display_name) for one in found.author] == [("anna@lead.example", "Anna Lee")]
    assert [str(one.address) for one in found.to] == ["rep@our.example"]
    assert [(str(one.address), one.display_name) for one in found.cc] == [("carl@lead.example", "Carl Öst")]
    assert [str(one.address) for one in found.bcc] == ["bea@our.example"]
    assert (found.subject, found.message_id) == ("Our question", "question@lead.example")
    assert found.originated_at == SENT
    assert found.text == "Dear Rep,\nwhat does it cost?\n"
    assert found.html == "<p>Dear Rep,</p>"
    assert [(part.filename, part.content, part.disposition) for part in found.parts] == [
        ("plan.pdf", b"%PDF" * 2000, "attachment")
    ]
    assert found.defects == ()


def test_a_name_that_only_exchange_can_resolve_has_no_address_and_hides_no_other() -> None:
    people = (
        recipient("Rep", "rep@our.example", exchange="/o=our/cn=rep"),
        recipient("Dora", "", exchange="/o=lead/cn=dora"),
        recipient("Bob", "bob@lead.example"),
    )
    found = read(note(exchange=True, to=people))
    assert found.author == ()
    assert found.first("from") == '"Anna Lee" <>'
    assert [(str(one.address), one.display_name) for one in found.to] == [
        ("rep@our.example", "Rep"),
        ("bob@lead.example", "Bob"),
    ]


def test_the_smtp_address_beside_an_exchange_one_counts() -> None:
    found = read(note(exchange=True, values={(0x5D02, TEXT): "anna@lead.example"}))
    assert [str(one.address) for one in found.author] == ["anna@lead.example"]


def test_who_wrote_is_told_from_who_sent_for_them() -> None:
    values: dict[tuple[int, int], object] = {(0x0C1A, TEXT): "Secretary", (0x0C1F, TEXT): "secretary@lead.example"}
    found = read(note(values=values))
    assert str(found.author[0].address) == "anna@lead.example"
    assert found.sender is not None
    assert str(found.sender.address) == "secretary@lead.example"


def test_header_fields_that_exchange_kept_are_used_and_their_structure_is_not() -> None:
    kept = (
        "Received: from a by b;\r\n\tMon, 4 May 2026 14:05:07 +0000\r\nFrom: =?utf-8?q?Anna_L=C3=A9e?= <anna@lead.example>\r\n"
        "To: Rep <rep@our.example>,\r\n bob@lead.example\r\nSubject: Kept\r\nDate: Mon, 4 May 2026 16:05:06 +0200\r\n"
        "References: <first@our.example>\r\nContent-Type: multipart/mixed; boundary=x\r\nMIME-Version: 1.0\r\n\r\n"
    )
    found = read(note(exchange=True, values={(0x007D, TEXT): kept}))
    assert (found.author[0].display_name, found.subject) == ("Anna Lée", "Kept")
    assert [str(one.address) for one in found.to] == ["rep@our.example", "bob@lead.example"]
    assert found.references == ("first@our.example",)
    assert found.originated_at == SENT
    assert found.media_type == "text/plain"


@pytest.mark.parametrize(
    ("page", "text"),
    [
        (1251, "Привет, как дела"),
        (932, "見積もりの件"),
        (1253, "Καλημέρα"),
        (65001, "Grüße"),
        (28592, "Łódź"),
        (20866, "Привет"),
    ],
)
def test_texts_of_eight_bits_are_read_in_their_code_page(page: int, text: str) -> None:
    codec = {65001: "utf-8", 28592: "iso8859-2", 20866: "koi8-r"}.get(page, f"cp{page}")
    values: dict[tuple[int, int], object] = {
        (0x3FFD, LONG): page, (0x1000, EIGHT_BIT): text.encode(codec), (0x0037, EIGHT_BIT): text.encode(codec),
    }  # fmt: skip
    item = note(text="")
    del item.values[0x0037, TEXT]
    item.values |= values
    found = read(item)
    assert (found.text, found.subject) == (text, text)


def test_a_draft_a_template_and_what_is_no_mail_are_files() -> None:
    draft = note(sent=None, message_id="", values={(0x0E07, LONG): 8})
    contact = note(kind="IPM.Contact")
    appointment = note(kind="IPM.Appointment", author=("", ""), to=())
    task = note(kind="IPM.Task.Own")
    for item in (draft, contact, appointment, task):
        assert message.read(msg(item), Effort()) is None
    assert message.read(msg(note(kind="IPM.Task.Own")), Effort()) is None
    assert message.read(msg(note(kind="IPM.Schedule.Meeting.Request")), Effort()) is not None


def test_a_mail_without_a_date_has_none_and_never_one_of_the_far_future() -> None:
    assert read(note(sent=None)).originated_at is None
    assert read(note(sent=None, values={(0x0039, TIME): 0x0CB34557A3DD4000})).originated_at is None
    assert read(note(sent=None, values={(0x0E06, TIME): filetime(SENT)})).originated_at == SENT


def test_html_hidden_in_rich_text_is_found_and_else_its_words() -> None:
    html = "<html><body><p>Grüße aus Köln &amp; 東京 {a}\\b</p></body></html>"
    item = note(text="", values={(0x1009, BINARY): packed(html_in_rtf(html))})
    assert (read(item).html or "").replace("\n", "") == html
    plain = rb"{\rtf1\ansi\ansicpg1251{\fonttbl{\f0\fcharset0 A;}{\f1\fcharset238 B;}}{\*\generator x;}\f0\'cf\'f0\par\f1 \'b3\'f3d\u8364?\~5{\pict 00ff}}"
    found = read(note(text="", values={(0x1009, BINARY): packed(plain)}))
    assert found.text == "Пр\nłód€\xa05"


def test_compressed_rich_text_is_unpacked_as_it_was_packed() -> None:
    sample = bytes.fromhex(
        "2d0000002b0000004c5a4675f1c5c7a703000a007263706731323542320af32068656c090020627705b06c647d0a800fa0"
    )  # the example of [MS-OXRTFCP] 3.1
    assert unpacked(sample, Effort()) == b"{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n"
    for text in (b"", b"a", b"a" * 5000, bytes(range(256)) * 40, b"ab" * 3000):
        assert unpacked(packed(text), Effort()) == text
    assert unpacked(struct.pack("<II4sI", 20, 5, b"MELA", 0) + b"plain", Effort()) == b"plain"


def test_a_message_in_a_msg_is_a_part_that_any_mail_program_opens() -> None:
    inner = note(subject="Inner", attachments=(attachment("a.txt", b"inner file"),))
    found = read(note(attachments=(embedded("Inner", inner), attachment("b.bin", b"\0\1"))))
    assert [(part.media_type, part.filename) for part in found.parts] == [
        ("message/rfc822", "Inner"),
        ("application/octet-stream", "b.bin"),
    ]
    within = parse(found.parts[0].content)
    assert (within.subject, str(within.author[0].address), within.text) == (
        "Inner", "anna@lead.example", "Dear Rep,\nwhat does it cost?\n",
    )  # fmt: skip
    assert [(part.filename, part.content) for part in within.parts] == [("a.txt", b"inner file")]
    assert within.defects == ()


def test_a_picture_that_the_html_shows_is_told_from_a_file() -> None:
    shown = attachment(
        "logo.png", b"PNG", values={(0x3712, TEXT): "logo@x", (0x370E, TEXT): "image/png", (0x3714, LONG): 4}
    )
    found = read(note(html=b'<img src="cid:logo@x">', attachments=(shown,)))
    assert [(part.media_type, part.disposition, part.referenced) for part in found.parts] == [
        ("image/png", "inline", True)
    ]


def test_a_signed_mail_in_a_msg_is_read_as_its_entity() -> None:
    entity = b'Content-Type: multipart/signed; boundary="s"\r\n\r\n--s\r\nContent-Type: text/plain\r\n\r\nsigned words\r\n--s\r\nContent-Type: application/pkcs7-signature\r\n\r\nxx\r\n--s--\r\n'
    found = read(note(text="", kind="IPM.Note.SMIME.MultipartSigned", attachments=(attachment("smime.p7m", entity),)))
    assert (found.text, str(found.author[0].address)) == ("signed words", "anna@lead.example")


def test_a_notice_of_failure_in_a_msg_is_a_bounce() -> None:
    from relay.mail.automatic import automatic

    assert automatic(read(note(kind="REPORT.IPM.Note.NDR"))) == "bounce"
    assert automatic(read(note(kind="REPORT.IPM.Note.IPNRN"))) == "auto-reply"


def test_winmail_gives_its_files_and_its_text_only_when_the_mail_has_none() -> None:
    item = note(attachments=(attachment("Größe.pdf", b"%PDF"),))
    with_text = winmail(tnef(item), "The mail's own words")
    assert (with_text.text or "").strip() == "The mail's own words"
    assert [(part.filename, part.content, part.position) for part in with_text.parts] == [("Größe.pdf", b"%PDF", 0)]
    assert (winmail(tnef(item)).text or "").strip() == "Dear Rep,\nwhat does it cost?"


def test_winmail_of_a_contact_stays_a_file() -> None:
    octets = tnef(Item({(0x001A, TEXT): "IPM.Contact", (0x3001, TEXT): "Ann"}))
    assert [part.filename for part in winmail(octets, "x").parts] == ["winmail.dat"]


def test_a_message_in_winmail_is_an_original_of_its_own() -> None:
    found = winmail(tnef(Item({(0x001A, TEXT): "IPM.Note"}, attachments=[embedded("Our question", note())])), "FYI")
    [part] = found.parts
    read_again = message_in(part, Effort())
    assert read_again is not None
    assert (str(read_again[0].author[0].address), read_again[0].originated_at) == ("anna@lead.example", SENT)
    assert [str(one.address) for one in read_again[0].to] == ["rep@our.example"]


# -- hostile


def part_of(content: bytes) -> Part:
    return Part(0, "application/octet-stream", "x.msg", "", "attachment", content)


def cost(content: bytes) -> tuple[float, int]:
    """(seconds, octets of memory above the content) of reading it as whatever it claims to be."""
    tracemalloc.start()
    began = time.process_time()
    effort = Effort()
    message_in(part_of(content), effort)
    opened(Message(parts=(part_of(content),)), effort)
    took = time.process_time() - began
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return took, peak


@cache
def _bombs() -> dict[str, bytes]:
    run = struct.pack("<II4sI", 1 << 20, 1 << 30, b"LZFu", 0)
    # Each pair of octets repeats 17 octets of the dictionary's first one.
    repeated = run + (b"\xff" + b"\x00\x0f" * 8) * 60_000
    braces = packed(b"{" * 400_000)
    words = packed(rb"{\rtf1\fromhtml1" + rb"\u1?" * 200_000)
    deep = note(text="deep")
    for _ in range(40):
        deep = note(text="deep", attachments=(embedded("deep", deep),))
    valid = msg(note(attachments=(attachment("a", b"x" * 9000),)))
    circle = bytearray(valid)
    table = struct.unpack_from("<I", circle, 76)[0]
    for number in range(128):
        struct.pack_into("<I", circle, (table + 1) * 512 + 4 * number, number // 2)
    shared = bytearray(valid)
    directory = struct.unpack_from("<I", shared, 48)[0]
    for at in range((directory + 1) * 512, len(shared) - 128, 128):
        if shared[at + 66] == 2:
            struct.pack_into("<IQ", shared, at + 116, 0, len(valid) - 600)
    many: dict[str, bytes | dict] = {f"__substg1.0_{n:04X}001F": b"x" for n in range(20_000)}
    many["__properties_version1.0"] = b"\0" * 32
    return {
        "repeated": msg(note(text="", values={(0x1009, BINARY): repeated})),
        "braces": msg(note(text="", values={(0x1009, BINARY): braces})),
        "words": msg(note(text="", values={(0x1009, BINARY): words})),
        "tnef words": tnef(note(text="", values={(0x1009, BINARY): words})),
        "deep": msg(deep),
        "deep tnef": tnef(deep),
        "circle": bytes(circle),
        "shared": bytes(shared),
        "entries": compound(many, sector=4096),
        "recipients": msg(note(to=tuple(recipient(f"R{n}", f"r{n}@lead.example") for n in range(1500))), sector=4096),
        "numbers": b"\x78\x9f\x3e\x22\0\0"
        + struct.pack("<BII", 1, 0x69003, 1 << 20)
        + struct.pack("<I", 1 << 30)
        + struct.pack("<HHI", 0x1003, 0x0037, 1 << 30) * 90_000,
        "attributes": b"\x78\x9f\x3e\x22\0\0" + (struct.pack("<BII", 2, 0x69002, 0) + b"\0\0") * 90_000,
    }


@pytest.mark.parametrize("name", sorted(_bombs()))
def test_a_hostile_file_costs_bounded_time_and_memory(name: str) -> None:
    content = _bombs()[name]
    took, peak = cost(content)
    assert took < 6  # tracing makes it some four times slower; the bombs take a quarter of a second without
    assert peak < 20 * len(content) + (32 << 20)


def test_the_work_of_a_mail_is_bounded_however_many_bombs_it_holds() -> None:
    words = msg(note(text="", values={(0x1009, BINARY): packed(rb"{\rtf1\fromhtml1" + rb"\u1?" * 50_000)}))
    effort = Effort(100_000)
    began = time.process_time()
    found = [message_in(part_of(words), effort) for _ in range(30)]
    assert time.process_time() - began < 5
    assert all(each is not None for each in found)
    assert found[-1] is not None
    assert "outlook-cut" in found[-1][0].defects


_VALID = [
    msg(note(html=b"<p>x</p>", attachments=(attachment("a.txt", b"abc" * 3000), embedded("E", note())))),
    tnef(note(values={(0x1009, BINARY): packed(html_in_rtf("<p>x</p>"))}, attachments=(attachment("a", b"a"), embedded("E", note())))),
    packed(html_in_rtf("<p>Grüße</p>" * 20)),
]  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(range(len(_VALID))))
def test_damage_is_never_an_exception_and_gives_only_what_can_be_stored(seed: int, which: int) -> None:
    rnd = random.Random(seed)
    octets = bytearray(_VALID[which])
    for _ in range(rnd.randint(1, 12)):
        at = rnd.randrange(len(octets))
        if rnd.random() < 0.2:
            del octets[at : at + rnd.randint(1, 600)]
            octets = octets or bytearray(b"x")
        elif rnd.random() < 0.4:
            octets[at : at + 4] = rnd.choice([b"\xff" * 4, b"\0" * 4, b"\xfe\xff\xff\xff", b"\1\0\0\0"])
        else:
            octets[at] = rnd.randrange(256)
    found = message_in(part_of(bytes(octets)), Effort())
    wrapped = opened(Message(parts=(part_of(bytes(octets)),)))
    rich = rtf.read(unpacked(bytes(octets), Effort()), Effort())
    for text in (
        rich.html,
        rich.text,
        *(s for m in (found and found[0], wrapped) if m for s in (m.text, m.html, m.subject)),
    ):
        (text or "").encode("utf-8")
        assert "\0" not in (text or "")


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=2000))
def test_any_octets_behind_a_signature_are_read_or_left(octets: bytes) -> None:
    for content in (b"\x78\x9f\x3e\x22" + octets, bytes.fromhex("D0CF11E0A1B11AE1") + octets, octets):
        message_in(part_of(content), Effort())
        opened(Message(parts=(part_of(content),)))
        rtf.read(content, Effort())


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300), st.integers(0, 60))
def test_any_octets_as_a_signature_are_opened_or_left(octets: bytes, cut: int) -> None:
    start = bytes.fromhex("308006092a864886f70d010702a0803080020101310030800609 2a864886f70d010701a0802480")
    for content in (octets, start[:cut] + octets, start + octets):
        found, defect = signed.content(content)
        assert (found is None) == bool(defect)


def test_a_signature_of_a_million_pieces_costs_bounded_time() -> None:
    start = bytes.fromhex("308006092a864886f70d010702a08030800201013100308006092a864886f70d010701a0802480")
    began = time.process_time()
    assert signed.content(start + b"\x04\x01x" * 1_000_000) == (None, "signature-not-opened")
    assert signed.content(start[:-2] + b"\x24\x80" * 500_000) == (None, "signature-not-opened")
    assert time.process_time() - began < 3


def test_what_is_written_of_a_note_reads_the_same() -> None:
    octets = internet.written(
        tnef_reader.read(tnef(note(attachments=(attachment("a.bin", bytes(range(256))),)))), Effort()
    )
    again = parse(octets)
    assert (again.subject, again.originated_at, again.parts[0].content) == ("Our question", SENT, bytes(range(256)))
    assert datetime(2026, 5, 4, 14, 5, 6, tzinfo=UTC) == SENT
    assert EXCHANGE not in octets.decode("utf-8")
