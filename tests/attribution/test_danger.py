"""What could harm who opens it is flagged by name and by octets; nothing is unpacked, nothing is run."""

from __future__ import annotations

import io
import time
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from letters import mail, record

from relay.attribution import danger as dangers
from relay.attribution.danger import danger
from relay.attribution.telling import DANGERS
from relay.mail.parameter import file_name

EXE = b"MZ\x90\0\x03\0\0\0" + bytes(52) + b"\x80\0\0\0" + bytes(64) + b"PE\0\0"
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
BINARY = "application/octet-stream"


def packed(*names: str, content: bytes = b"x") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in names:
            archive.writestr(name, content)
    return out.getvalue()


def locked(name: str) -> bytes:
    """An archive whose directory says that its file is encrypted."""
    octets = bytearray(packed(name))
    octets[octets.rindex(b"PK\x01\x02") + 8] |= 1
    return bytes(octets)


@pytest.mark.parametrize(
    ("filename", "media_type", "content", "found"),
    [
        ("offer.pdf", "application/pdf", b"%PDF-1.7 /OpenAction", ""),
        ("offer.docx", BINARY, packed("word/document.xml", "[Content_Types].xml"), ""),
        ("photos.zip", "application/zip", packed("a/1.jpg", "a/2.jpg"), ""),
        ("IMG_1.jpeg", "image/jpeg", b"\xff\xd8\xff\xe0JFIF", ""),
        ("notes.txt", "text/plain", b"MZ is a fine pair of letters, and <script> a word", ""),
        ("", "message/rfc822", b"Subject: x\r\n\r\nJune", ""),
        ("invite.ics", "text/calendar", b"BEGIN:VCALENDAR", ""),
        ("letter.html", "text/html", b"<html><body onlyone='1'><p>on sunday = off</p></body></html>", ""),
        ("chart.svg", "image/svg+xml", b"<svg xmlns='http://www.w3.org/2000/svg'><path d='M0 0'/></svg>", ""),
        ("setup.exe", BINARY, EXE, "program"),
        ("setup.exe", BINARY, b"", "program"),
        ("tool", BINARY, EXE, "program"),
        ("tool", BINARY, b"\x7fELF\x02\x01", "program"),
        ("tool.bin", BINARY, b"\xcf\xfa\xed\xfe", "program"),
        ("", "application/x-msdownload", b"", "program"),
        ("app.MSI", BINARY, OLE, "program"),
        ("app.jar", BINARY, packed("META-INF/MANIFEST.MF"), "program"),
        ("setup.exe. ", BINARY, b"", "program"),
        ("a.txt:setup.exe", BINARY, b"", "program"),
        ("fdp.\u202eexe", BINARY, b"", "program"),
        ("run.ps1", "text/plain", b"Get-Item", "script"),
        ("page.hta", "text/html", b"", "script"),
        ("jquery.min.js", "text/javascript", b"", "script"),
        ("install", "text/plain", b"#!/bin/sh\nrm -r x", "script"),
        ("order.lnk", BINARY, b"", "shortcut"),
        ("order", BINARY, b"L\0\0\0\x01\x14\x02\0\0\0", "shortcut"),
        ("backup.img", BINARY, b"", "disk-image"),
        ("backup", BINARY, bytes(32769) + b"CD001", "disk-image"),
        ("prices.xlsm", BINARY, b"", "macros"),
        ("prices.xls", "application/vnd.ms-excel", OLE + bytes(600) + "_VBA_PROJECT".encode("utf-16-le"), "macros"),
        ("prices.xls", "application/vnd.ms-excel", OLE + bytes(600), ""),
        ("prices.xlsx", BINARY, packed("xl/workbook.xml", "xl/vbaProject.bin"), "macros"),
        ("login.html", "text/html", b"<html><ScRiPt>go()</script>", "active-page"),
        ("login.htm", BINARY, b"<p><img src=x onerror=go()>", "active-page"),
        ("login.html", "text/html", "\ufeff<html><script>go()".encode("utf-16-le"), "active-page"),
        ("login.html", "text/html", b"<meta http-equiv='refresh' content='0;url=//x'>", "active-page"),
        ("logo.svg", "image/svg+xml", b"<svg onload='go()'>", "active-page"),
        ("long.html", "text/html", b"<html>" + b" " * dangers.MAX_PAGE, "active-page"),
        ("order.zip", "application/zip", packed("order.pdf", "order.pdf.exe"), "packed-program"),
        ("order.zip", "application/zip", b"something before" + packed("a.js"), ""),
        ("order.zip", "application/zip", packed("a/b/run.vbs"), "packed-program"),
        ("order.zip", "application/zip", locked("order.pdf"), "locked"),
        ("order.zip", "application/zip", locked("order.exe"), "packed-program"),
        ("invoice.pdf.exe", BINARY, EXE, "disguised"),
        ("invoice.pdf          .scr", BINARY, b"", "disguised"),
        ("invoice.pdf", "application/pdf", EXE, "disguised"),
        ("invoice.pdf", "application/pdf", b"<!DOCTYPE html><script>go()</script>", "disguised"),
        ("photo.jpg.lnk", "image/jpeg", b"", "disguised"),
    ],
)  # fmt: skip
def test_what_a_part_could_do(filename, media_type, content, found):
    assert danger(file_name(filename), media_type, content) == found


def test_every_danger_has_its_sentence():
    named = {value for name, value in vars(dangers).items() if name.isupper() and isinstance(value, str)}
    assert named == set(DANGERS)
    page = (Path(__file__).parents[2] / "docs" / "explain.md").read_text("utf-8")
    for name, sentence in DANGERS.items():
        assert f"| `{name}` | {sentence} |" in page, name


def test_the_danger_of_a_part_stands_in_its_record():
    one = record(mail(files=(("invoice.pdf.exe", BINARY, EXE), ("plan.pdf", "application/pdf", b"%PDF"))))
    assert [part.danger for part in one.parts] == ["disguised", ""]


@given(st.text(max_size=40), st.binary(max_size=300))
def test_no_name_and_no_octets_raise(name, octets):
    for begin in (b"", b"MZ", b"PK\x03\x04", b"PK\x01\x02", b"<html", b"\xff\xfe<"):
        assert danger(name, "text/html", begin + octets + b"PK\x05\x06" + octets) in ("", *DANGERS)


@pytest.mark.parametrize(
    "content",
    [
        b"<html>" + b"<" * 2_000_000,
        b"<html>" + b" on" * 600_000,
        b"<html>" + b'"onaaaaaaaaaaaaaaaa    ' * 80_000,
        b"PK\x03\x04" + b"PK\x05\x06" * 500_000,
        b"PK" + b"PK\x01\x02" * 300_000 + b"PK\x05\x06" + bytes(8) + (1_200_000).to_bytes(4, "little") + bytes(6),
        OLE + b"_\0V\0B\0A\0" * 600_000,
        b"\n" * 3_000_000,
    ],
    ids=["angles", "words", "almost", "ends", "entries", "ole", "blank"],
)
def test_a_look_is_linear_in_the_octets(content):
    took = float("inf")
    for _ in range(4):  # on a busy machine the best of several tries: what is quadratic is so in each
        began = time.process_time()
        danger("a.html", "text/html", content)
        danger("a.bin", BINARY, content)
        took = min(took, time.process_time() - began)
        if took < 0.8:
            break
    assert took < 0.8
