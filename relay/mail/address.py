"""Addresses: who a mail is from and for.

Decides what is one address and in which form we compare it. It does not know who is staff, a lead or
a capture address. Received headers are full of things the grammar forbids, so reading a list of
mailboxes never fails: what is not an address is left out, what is broken but legible is kept.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from urllib.parse import unquote

MAX_LOCAL_PART = 256
"""Characters. RFC 5321 §4.5.3.1.1 says 64; mailers of lists and bounces write more."""
MAX_DOMAIN = 255
"""Octets as A-labels (RFC 5321 §4.5.3.1.2)."""

_A_DOMAIN = re.compile(r"[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?\Z")
_LITERAL = re.compile(r"\[[A-Za-z0-9.:-]{2,60}\]\Z")
_FULL_STOPS = str.maketrans("。．｡", "...")  # UTS 46 §4: all of them separate labels
_NOT_LOCAL = re.compile(r"[\s\x00-\x20\x7f-\x9f()<>\[\]:;@\\,\"\ud800-\udfff]")
_NOT_QUOTED = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_INVISIBLE = re.compile("[\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_WORD_BEGINS = re.compile(r"(?<![^@.-])[^\x00-\x7f]")
_QUOTED_PAIR = re.compile(r"\\(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Address:
    """One `local-part@domain` (RFC 5321 §2.3.11).

    `local_part` as it was written, unquoted; `domain` lower case, as A-labels (RFC 5890). `key` is the canonical form
    in which addresses are stored and compared: all lower case, letters in one piece (NFC).
    """

    local_part: str
    domain: str
    key: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Made once: while a mail is filed each of its addresses is asked for it a dozen times.
        object.__setattr__(self, "key", f"{_canonical(self.local_part)}@{self.domain}")

    @classmethod
    def read(cls, text: str) -> Address | None:
        """The one address that `text` writes, as typed by a person or found in a header, or None.

        Takes blanks around and inside, angle brackets (then whatever stands before them), `mailto:` with its
        query, quotes around the whole, domains as U-labels.
        """
        if len(text) > 2 * (MAX_LOCAL_PART + MAX_DOMAIN):
            return None
        text = text.strip()
        if text.endswith(">") and "<" in text:
            text = text[text.rindex("<") + 1 : -1]
        return addr_spec(text)

    def __str__(self) -> str:
        return f"{self.local_part}@{self.domain}"


@dataclass(frozen=True, slots=True)
class Mailbox:
    """A display name and an address (RFC 5322 §3.4). `display_name` is decoded, '' when there is none."""

    display_name: str
    address: Address


def _canonical(local_part: str) -> str:
    lower = local_part.lower()
    return lower if lower.isascii() else unicodedata.normalize("NFC", lower)


def addr_spec(text: str) -> Address | None:
    """The address of an addr-spec (RFC 5322 §3.4.1), with or without what people and programs put around it."""
    local, at, domain = text.rpartition("@")
    if not at:
        return None
    if not (text.isascii() and local.isalnum()):
        local, domain = _tidy(local), _tidy(domain)
        if local[:7].lower() == "mailto:":
            local, domain = unquote(local[7:].strip()), domain.partition("?")[0]
        if len(local) > 1 and local[0] == local[-1] == '"':
            local = _QUOTED_PAIR.sub(r"\1", local[1:-1])
            if _NOT_QUOTED.search(local):
                return None
        elif _NOT_LOCAL.search(local):
            local = _broken_local(local)
    ascii_domain = a_labels(domain)
    if not local or not ascii_domain or len(local) > MAX_LOCAL_PART:
        return None
    return Address(local, ascii_domain)


def _tidy(text: str) -> str:
    text = text.strip(" \t\r\n'\u00a0<>")
    if not text.isascii():
        text = _INVISIBLE.sub("", text)
    return text


def _broken_local(local: str) -> str:
    """A local part that the grammar forbids, if it is legible: a route before it, blanks around its dots."""
    if local.startswith("@") and ":" in local:  # obs-route (RFC 5322 §4.4): @a.example,@b.example:user
        local = local.rpartition(":")[2]
    local = local.strip("\"'`<>()[],;: \t")
    if " " in local:
        local = ".".join(word.strip() for word in local.split("."))
    return "" if _NOT_LOCAL.search(local) else local


def a_labels(domain: str) -> str:
    """`domain` lower case, as A-labels (RFC 5890), or '' when it cannot be one.

    Mapping after UTS 46, non-transitional (`ß` stays): compatibility forms and case are folded, then each label
    with letters beyond ASCII is encoded (RFC 3492). Labels are bounded first, as the encoder is quadratic.
    """
    domain = domain.strip().lower()
    if not domain.isascii():
        if len(domain) > MAX_DOMAIN:
            return ""
        domain = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", domain.translate(_FULL_STOPS)).lower())
        labels = domain.split(".")
        if any(len(label) > 63 for label in labels):
            return ""
        try:
            domain.encode("utf-8")  # the punycode codec takes surrogates
            domain = ".".join(
                label if label.isascii() else "xn--" + label.encode("punycode").decode("ascii") for label in labels
            )
        except UnicodeError:
            return ""
    domain = domain.rstrip(".,;:!?\"'>)").strip()
    if len(domain) > MAX_DOMAIN:
        return ""
    if _A_DOMAIN.match(domain) or _LITERAL.match(domain):
        return domain
    together = "".join(domain.split())
    return (
        together
        if len(together) < len(domain) and _A_DOMAIN.match(together) and " ." in domain.replace(". ", " .")
        else ""
    )


def u_labels(domain: str) -> str:
    """`domain` with its A-labels as letters; a label that is none, or does not come back the same, stays."""
    if "xn--" not in domain:
        return domain
    return ".".join(_u_label(label) for label in domain.split("."))


def _u_label(label: str) -> str:
    if not label.startswith("xn--") or len(label) > 63:
        return label
    try:
        letters = label[4:].encode("ascii").decode("punycode")
        if letters.isascii() or not letters.isprintable() or a_labels(letters) != label:
            return label
    except (UnicodeError, ValueError, OverflowError):
        return label
    return letters


def forms(address: Address) -> tuple[tuple[str, int], ...]:
    """The spellings under which a CRM may have typed this address, with their rank, best first.

    Rank 0: the key, and the same with the domain as U-labels. Rank 1: the same without the plus tag
    (RFC 5233). All as SQLite's `lower` leaves them, which knows ASCII only; each once.
    """
    local = _canonical(address.local_part)
    domains = {address.domain: None, u_labels(address.domain).lower(): None}
    found: dict[str, int] = {}
    for rank, name in enumerate((local, local.partition("+")[0])):
        for domain in domains:
            for typed in _as_typed(f"{name}@{domain}") if name else ():
                found.setdefault(typed, rank)
    return tuple(found.items())


def _as_typed(spelling: str) -> tuple[str, ...]:
    """A spelling in lower case, and with letters beyond ASCII as people type them: all in capitals, capitals where a
    word begins, in pieces (NFD, as some systems have them).
    """
    if spelling.isascii():
        return (spelling,)
    capitals = "".join(map(_capital, spelling))
    words = _WORD_BEGINS.sub(lambda letter: _capital(letter[0]), spelling)
    return spelling, capitals, words, unicodedata.normalize("NFD", spelling)


def _capital(letter: str) -> str:
    """The capital of a letter beyond ASCII, where it has one by itself (`ß` has not)."""
    capital = letter.upper()
    return letter if letter.isascii() or len(capital) > 1 else capital
