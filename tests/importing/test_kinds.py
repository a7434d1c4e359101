"""What is left out of a mailbox, by labels, flags and names of folders in many languages."""

from __future__ import annotations

import pytest

from relay.oldmail.kinds import folder_name, is_sent, left_out
from relay.oldmail.letter import Letter


def letter(fields: str = "", folder: str = "Inbox", flags: str = "") -> Letter:
    content = f"{fields}Subject: x\r\n\r\nX-Gmail-Labels: Spam\r\n".encode()
    return Letter("box", content, folder=tuple(folder.split("/")), flags=flags)


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("Mail/[Gmail]/Spam", "spam"),
        ("Mail/Junk E-Mail", "spam"),
        ("Posteingang/Papierkorb", "trash"),
        ("Éléments supprimés", "trash"),
        ("E\u0301le\u0301ments supprime\u0301s", "trash"),
        ("Удаленные", "trash"),
        ("Entwürfe", "draft"),
        ("Unsent Messages", "draft"),
        ("Chats", "chat"),
        ("Inbox", None),
        ("Spam und Papierkorb", None),
        ("All mail Including Spam and Trash", None),
        ("Gesendet", None),
    ],
)
def test_folders_of_spam_bin_and_drafts_are_left_out_in_any_language(folder: str, kind: str | None) -> None:
    assert left_out(letter(folder=folder)) == kind


@pytest.mark.parametrize(
    ("labels", "kind", "sent"),
    [
        ("Inbox,Important", None, False),
        ("Sent,Opened", None, True),
        ("Important,\r\n Spam", "spam", False),
        ("=?UTF-8?Q?Papierkorb,Wichtig?=", "trash", False),
        ("=?UTF-8?Q?Entw=C3=BCrfe?=", "draft", False),
        ("=?UTF-8?B?0JrQvtGA0LfQuNC90LA=?=", "trash", False),
        ("Chat", "chat", False),
        ("=?UTF-8?Q?Envoy=C3=A9s?=", None, True),
        ("Spamming/Trashcan", None, False),
    ],
)
def test_gmail_tells_by_labels(labels: str, kind: str | None, sent: bool) -> None:
    told = letter(f"X-Gmail-Labels: {labels}\r\n")
    assert (left_out(told), is_sent(told)) == (kind, sent)


@pytest.mark.parametrize(
    ("status", "kind"), [("0001", None), ("0008", "deleted"), ("0009", "deleted"), ("zzzz", None), ("", None)]
)
def test_mail_that_thunderbird_has_deleted_and_not_compacted_is_left_out(status: str, kind: str | None) -> None:
    assert left_out(letter(f"X-Mozilla-Status: {status}\r\n")) == kind


def test_maildir_flags_and_notes_of_mail_programs_are_obeyed() -> None:
    assert left_out(letter(flags="S")) is None
    assert left_out(letter(flags="DS")) == "draft"
    assert left_out(letter(flags="ST")) == "trash"
    note = "X-IMAP: 1\r\nSubject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\r\n"
    assert left_out(letter(note)) == "folder-data"
    assert left_out(letter("X-IMAPbase: 1 2\r\n")) is None


def test_names_of_folders_are_read_as_their_owner_reads_them() -> None:
    assert folder_name("Gel&APY-schte Elemente") == "Gelöschte Elemente"
    assert folder_name("Q&A") == "Q&A"
    assert folder_name("R&-D.mbox") == "R&D"
    assert folder_name("&AAA") == "&AAA"
