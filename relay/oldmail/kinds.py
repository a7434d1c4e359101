"""Kinds: which mail of a mailbox is nobody's correspondence, and which of it our own people sent.

Told by labels (Gmail), by flags (Maildir, Thunderbird), and by the names of folders as mail programs call them in the
languages they speak. Only whole names count: `Spam and ham` is somebody's own folder. What we sent ourselves is told by
its author, not here: a folder of sent mail is only a hint that an author is one of us whose address nobody told us.
Pure.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from relay.mail.encoded import decode_words
from relay.oldmail.letter import Letter

HEADER = 256 * 1024
"""Octets of a header in which the fields of mailboxes are looked for."""

_NAMES = {
    "spam": """
        spam; junk; junk e-mail; junk email; junk-e-mail; bulk mail; unerwünscht; spamverdacht; courrier indésirable;
        indésirables; pourriel; correo no deseado; posta indesiderata; lixo eletrônico; lixo electrónico;
        ongewenste e-mail; ongewenst; reclame; wiadomości-śmieci; śmieci; нежелательная почта; спам; спaм; skräppost;
        uønsket e-mail; søppelpost; roskaposti; nevyžádaná pošta; nevyžiadaná pošta; levélszemét; önemsiz e-posta;
        gereksiz; 迷惑メール; 垃圾邮件; 垃圾郵件; 스팸; 스팸함; 정크 메일""",
    "trash": """
        trash; bin; deleted; deleted items; deleted messages; deleted mail; papierkorb; gelöscht; gelöschte elemente;
        gelöschte objekte; corbeille; éléments supprimés; messages supprimés; papelera; elementos eliminados;
        eliminados; cestino; posta eliminata; eliminati; lixeira; lixo; itens excluídos; itens eliminados;
        prullenbak; verwijderde items; verwijderd;
        kosz; elementy usunięte; корзина; удаленные; удалённые; кошик; papperskorgen;
        borttaget; papirkurv; papirkorg; slettet post; slettede elementer; roskakori; poistetut; koš; odstraněná pošta;
        kôš; lomtár; törölt elemek; çöp kutusu; silinmiş öğeler; ゴミ箱; 削除済みアイテム; 已删除邮件; 已刪除的郵件;
        垃圾桶; 휴지통; 지운 편지함""",
    "draft": """
        drafts; draft; entwürfe; entwurf; brouillons; brouillon; borradores; borrador; bozze; rascunhos; concepten;
        wersje robocze; szkice; kopie robocze; черновики; чернетки; utkast; kladder; kladde; luonnokset; koncepty;
        rozepsané; piszkozatok; taslaklar; 下書き; 草稿; 草稿箱; 임시보관함; 임시 보관함; outbox; postausgang;
        boîte d'envoi; bandeja de salida; posta in uscita; caixa de saída; postvak uit; unsent messages;
        skrzynka nadawcza; исходящие; templates; vorlagen; modèles; plantillas; modelli""",
    "chat": "chat; chats; conversation history; aufgezeichnete unterhaltungen",
    "sent": """
        sent; sent mail; sent items; sent messages; gesendet; gesendete elemente; gesendete objekte; envoyés;
        messages envoyés; éléments envoyés; enviados; mensajes enviados; elementos enviados; correo enviado; inviati;
        posta inviata; inviata; itens enviados; verzonden; verzonden items; wysłane; elementy wysłane; отправленные;
        надіслані; skickat; skickade objekt; sendt; sendt post; sendte elementer; lähetetyt; odeslaná pošta; odeslané;
        odoslaná pošta; elküldött elemek; elküldött üzenetek; gönderilmiş öğeler; gönderilenler; 送信済み;
        送信済みメール; 送信済みアイテム; 已发送; 已发送邮件; 已傳送郵件; 寄件備份; 보낸편지함; 보낸 편지함""",
}


def _plain(name: str) -> str:
    return unicodedata.normalize("NFKC", name).strip().lower()


_KIND = {_plain(name): kind for kind, names in _NAMES.items() for name in names.split(";")}

LEFT_OUT = ("spam", "trash", "draft", "chat", "deleted", "folder-data")

_FIELD = re.compile(
    rb"^(X-Gmail-Labels|X-Mozilla-Status|X-IMAP(?:base)?|Subject)[ \t]*:((?:[^\n]*\n)(?:[ \t][^\n]*\n)*)",
    re.IGNORECASE | re.MULTILINE,
)


def left_out(letter: Letter) -> str | None:
    """Why the mail is left out unless somebody asks for all of it (one of `LEFT_OUT`), or None."""
    if "D" in letter.flags:
        return "draft"
    if "T" in letter.flags:
        return "trash"
    fields = _fields(letter.content)
    status = fields.get(b"x-mozilla-status", "").strip()
    if re.fullmatch(r"[0-9a-fA-F]{4}", status) and int(status, 16) & 0x0008:
        return "deleted"  # Thunderbird: expunged, and still in the file until it is compacted
    if (b"x-imap" in fields or b"x-imapbase" in fields) and "FOLDER INTERNAL DATA" in fields.get(b"subject", ""):
        return "folder-data"
    for kind in _kinds(letter, fields):
        if kind != "sent":
            return kind
    return None


def is_sent(letter: Letter) -> bool:
    """Does the mailbox say that its owner sent this?"""
    return "sent" in _kinds(letter, _fields(letter.content))


def _kinds(letter: Letter, fields: dict[bytes, str]) -> Iterator[str]:
    labels = fields.get(b"x-gmail-labels")
    for name in letter.folder:
        if kind := _KIND.get(_plain(name)):
            yield kind
    for label in decode_words(labels).split(",")[:500] if labels else ():
        if kind := _KIND.get(_plain(label.strip(' "'))):
            yield kind


def _fields(content: bytes) -> dict[bytes, str]:
    """Name in lower case -> value, of the first of each; only fields that mailboxes write, and the subject."""
    end = content.find(b"\r\n\r\n", 0, HEADER)
    header = content[: end + 2 if end >= 0 else HEADER]
    found: dict[bytes, str] = {}
    for field in _FIELD.finditer(header):
        value = field[2].replace(b"\r\n", b"")[:20_000].decode("utf-8", "replace")
        found.setdefault(field[1].lower(), value)
    return found


def folder_name(name: str) -> str:
    """A folder's name as its owner reads it: without the ending of a file, out of IMAP's UTF-7 (RFC 3501 §5.1.3)."""
    for ending in (".mbox", ".mbx", ".sbd", ".zip", ".gz"):
        name = name.removesuffix(ending)
    if "&" not in name:
        return name
    return re.sub(r"&([A-Za-z0-9+,]{0,200})-", _shifted, name)


def _shifted(found: re.Match[str]) -> str:
    letters = found[1]
    if not letters:
        return "&"
    try:
        return f"+{letters.replace(',', '/')}-".encode("ascii").decode("utf-7")
    except UnicodeDecodeError:
        return found[0]
