"""Folders, Maildirs, single files, archives: told by their content, and what is damaged by its name."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from relay.oldmail.files import Mailboxes
from relay.oldmail.letter import Damaged, Found, Letter, NoMail

FROM = b"From bob@example.org Mon Mar  2 10:15:00 2026\n"


def mail(number: int) -> bytes:
    return b"From: bob@example.org\nSubject: %d\nDate: Mon, 2 Mar 2026 10:15:00 +0000\n\ntext\n" % number


def box(*numbers: int) -> bytes:
    return b"".join(FROM + mail(number) + b"\n" for number in numbers)


def found(path: Path, limit: int = 1 << 20) -> list[Found]:
    return list(Mailboxes(limit).letters(path))


def subjects(path: Path) -> list[int]:
    letters = [each for each in found(path) if isinstance(each, Letter)]
    return [int(each.content.split(b"Subject: ")[1].split(b"\r\n")[0]) for each in letters]


def damaged(path: Path) -> dict[str, str]:
    return {Path(each.place).name: each.why for each in found(path) if isinstance(each, Damaged)}


def test_a_folder_of_anything_is_read_by_content(tmp_path: Path) -> None:
    (tmp_path / "Inbox").write_bytes(box(1, 2))  # Thunderbird: no ending
    (tmp_path / "Inbox.msf").write_bytes(b"// <!-- <mdb:mork:z v=1.4/> -->\n")
    (tmp_path / "Inbox.sbd").mkdir()
    (tmp_path / "Inbox.sbd" / "Customers").write_bytes(box(3))
    (tmp_path / "Empty").write_bytes(b"")
    (tmp_path / "a.eml").write_bytes(mail(4))
    (tmp_path / "b.EML").write_bytes(b"\xef\xbb\xbf" + mail(5).replace(b"\n", b"\r\n"))
    apple = mail(6)
    (tmp_path / "c.emlx").write_bytes(b"%d\n" % len(apple) + apple + b"<?xml version='1.0'?><plist/>")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    (tmp_path / "notes.txt").write_bytes(b"Note: buy milk\n")
    (tmp_path / "loop").symlink_to(tmp_path)
    assert sorted(subjects(tmp_path)) == [1, 2, 3, 4, 5, 6]
    assert damaged(tmp_path) == {}
    assert len([each for each in found(tmp_path) if isinstance(each, NoMail)]) == 4
    folders = {each.folder for each in found(tmp_path) if isinstance(each, Letter)}
    assert (tmp_path.name, "Inbox", "Customers") in folders


def test_a_maildir_with_its_folders_is_read_and_its_flags_and_times_told(tmp_path: Path) -> None:
    for folder in ("", ".Sent", ".Archive.2024"):
        for part in ("cur", "new", "tmp"):
            (tmp_path / folder / part).mkdir(parents=True)
    (tmp_path / "dovecot.index").write_bytes(b"\7\3")
    (tmp_path / ".Sent" / "dovecot-uidlist").write_bytes(b"3 V1 N2\n")
    (tmp_path / "new" / "1.host").write_bytes(mail(1))
    (tmp_path / "tmp" / "9.host").write_bytes(mail(9))
    (tmp_path / ".Sent" / "cur" / "2.host:2,ST").write_bytes(mail(2))
    old = tmp_path / ".Archive.2024" / "cur" / "3.host:2,S"
    old.write_bytes(FROM + mail(3))  # some deliver with an mbox line
    os.utime(old, (1_700_000_000, 1_700_000_000))
    letters = {each.content.split(b"Subject: ")[1][:1]: each for each in found(tmp_path) if isinstance(each, Letter)}
    assert sorted(letters) == [b"1", b"2", b"3"]
    assert letters[b"2"].flags == "ST"
    assert letters[b"2"].folder == (tmp_path.name, "Sent")
    assert letters[b"3"].folder == (tmp_path.name, "Archive", "2024")
    assert letters[b"3"].dated == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
    assert not letters[b"3"].content.startswith(b"From bob")


def test_a_takeout_is_read_out_of_its_archive(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "takeout.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("Takeout/Mail/All mail Including Spam and Trash.mbox", box(1, 2))
        archive.writestr("Takeout/Mail/User Settings/Blocked Addresses.json", "{}")
        archive.writestr("Takeout/archive_browser.html", "<html>")
    with tarfile.open(tmp_path / "takeout.tgz", "w:gz") as archive:
        for name, content in (("Takeout/Mail/Sent.mbox", box(3, 4)), ("Takeout/Mail/5.eml", mail(5))):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    (tmp_path / "old.mbox.gz").write_bytes(gzip.compress(box(6)))
    assert sorted(subjects(tmp_path)) == [1, 2, 3, 4, 5, 6]
    assert damaged(tmp_path) == {}
    [sent] = [
        each for each in found(tmp_path / "takeout.tgz") if isinstance(each, Letter) and b"Subject: 3" in each.content
    ]
    assert sent.folder[-1] == "Sent"
    assert sent.place.endswith("takeout.tgz, Takeout/Mail/Sent.mbox, at octet 0")


def test_a_damaged_file_loses_nothing_but_itself_by_name(tmp_path: Path) -> None:
    (tmp_path / "a.eml").write_bytes(mail(1))
    (tmp_path / "empty.eml").write_bytes(b"")
    (tmp_path / "nul.eml").write_bytes(bytes(3000))
    (tmp_path / "header.eml").write_bytes(b"no header here\n\nnothing\n")
    (tmp_path / "huge.eml").write_bytes(mail(2) + b"x" * 5000)
    (tmp_path / "Outlook.pst").write_bytes(b"!BDN" + bytes(600))
    (tmp_path / "one.msg").write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600))
    (tmp_path / "gone.eml").symlink_to(tmp_path / "nowhere")
    whole = gzip.compress(box(*range(10, 2000)))
    (tmp_path / "cut.mbox.gz").write_bytes(whole[: len(whole) * 3 // 4])
    (tmp_path / "notazip.zip").write_bytes(b"PK\x03\x04" + bytes(100))
    with zipfile.ZipFile(tmp_path / "part.zip", "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("bad.mbox", box(4))
        archive.writestr("good.mbox", box(5))
    octets = bytearray((tmp_path / "part.zip").read_bytes())
    octets[octets.index(b"Subject: 4")] = 0
    (tmp_path / "part.zip").write_bytes(octets)
    (tmp_path / "z.eml").write_bytes(mail(3))
    told = {
        Path(each.place.split(",")[0]).name: each.why for each in found(tmp_path, 4000) if isinstance(each, Damaged)
    }
    read = subjects(tmp_path)
    assert {1, 3, 5, 10} <= set(read)
    assert told["empty.eml"] == "empty"
    assert told["nul.eml"].startswith("only NUL octets")
    assert told["header.eml"].startswith("no header")
    assert told["huge.eml"].startswith("larger than 4000 octets")
    assert "Thunderbird" in told["Outlook.pst"]
    assert ".eml" in told["one.msg"]
    assert told["gone.eml"] == "no such file or directory"
    assert "breaks off" in told["cut.mbox.gz"]
    assert "not a zip file" in told["notazip.zip"]
    assert "crc" in told["part.zip"]
    assert set(told) == {
        "empty.eml", "nul.eml", "header.eml", "huge.eml", "Outlook.pst", "one.msg", "gone.eml", "cut.mbox.gz",
        "notazip.zip", "part.zip",
    }  # fmt: skip


def test_a_named_file_is_judged_though_it_has_no_ending(tmp_path: Path) -> None:
    (tmp_path / "thing").write_bytes(b"\0\1\2 something else\n")
    assert "no header" in damaged(tmp_path / "thing")["thing"]
    assert damaged(tmp_path / "nothing")["nothing"] == "there is no such file or folder"
    os.mkfifo(tmp_path / "pipe")
    assert damaged(tmp_path / "pipe")["pipe"] == "neither a file nor a folder"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.eml").write_bytes(mail(1))
    (tmp_path / "closed.eml").write_bytes(mail(2))
    (tmp_path / "closed.eml").chmod(0)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder").chmod(0)
    try:
        assert subjects(tmp_path) == [1]
        assert damaged(tmp_path).keys() == {"closed.eml", "folder"}
    finally:
        (tmp_path / "folder").chmod(0o700)
