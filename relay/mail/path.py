"""Paths: the arguments of MAIL and RCPT, read strictly (RFC 5321 §4.1.1.2, §4.1.1.3, §4.1.2).

Decides what the client named and which parameters it gave, or with which reply it is refused. It does
not know which addresses are ours. Where real clients differ from the grammar without any ambiguity
the reading is lenient: spaces after the colon, underscores in domains, local parts above 64 octets
(VERP). Source routes are refused: we are no relay for others (RFC 5321 appendix C allows it).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address

from relay.mail import reply
from relay.mail.address import Address, a_labels
from relay.mail.reply import Reply

MAX_PATH = 512  # octets; RFC 5321 §4.5.3.1.3 asks for 256 at least, and to impose no limit without need
MAX_DOMAIN = 255  # octets, RFC 5321 §4.5.3.1.2
MAX_LABEL = 63  # octets, RFC 1035 §2.3.4

# Non-ASCII letters count as atext (RFC 6531 §3.3); control characters never reach these patterns. The classes say what
# is not in them: written out up to U+10FFFF, each would cost 3 ms at each start to work out.
_ATEXT = r"[^\x00-\x20\"(),.:;<>@\[\\\]\x7f-\xa0]"
_LABEL = r"[^\x00-/:-@\[-^`{-\xa0](?:[^\x00-,./:-@\[-^`{-\xa0]*[^\x00-/:-@\[-^`{-\xa0])?"
_PATH = rf"""
    (?: (?P<atoms>{_ATEXT}+(?:\.{_ATEXT}+)*)
      | "(?P<quoted>(?:[^\x00-\x1f\"\\\x7f-\xa0]|\\[ -~])*)" )
    @ (?: (?P<domain>{_LABEL}(?:\.{_LABEL})*)\.?
        | \[(?P<literal>[0-9A-Za-z.:\-]+)\] )
"""
# Case is ignored of the words alone: a local part keeps its own.
_MAIL = re.compile(rf"(?i:FROM):\ *<(?:{_PATH})?>(?P<parameters>(?:\ .*)?)", re.VERBOSE)
_RCPT = re.compile(rf"(?i:TO):\ *<(?:{_PATH}|(?P<postmaster>(?i:postmaster)))>(?P<parameters>(?:\ .*)?)", re.VERBOSE)
_XTEXT = re.compile(r"<>|(?:[!-*,-<>-~]|\+[0-9A-F]{2}){1,500}")  # RFC 3461 §4
_FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class MailArgument:
    """What MAIL said. `path` None is the null reverse-path; `size` in octets, None when not declared;
    `body` '7BIT', '8BITMIME' or ''; `utf8`: the message may have UTF-8 in its header (RFC 6531).
    """

    path: Address | None
    size: int | None = None
    body: str = ""
    utf8: bool = False


def has_control(text: str) -> bool:
    """Are there control characters in a command line? (Nothing good ever needs them there.)"""
    return not (text.isascii() and text.isprintable()) and _FORBIDDEN.search(text) is not None


def mail_argument(text: str, *, auth: bool = False) -> MailArgument | Reply:
    """Read what follows `MAIL `: `FROM:<path> [SIZE=n] [BODY=t] [SMTPUTF8]`, or say why not.

    `auth`: logins are offered, and with them `AUTH=` (RFC 4954 §5): whom the client means, which decides nothing here.
    """
    found = _MAIL.fullmatch(text)
    if found is None or len(text) > MAX_PATH * 2:
        return reply.BAD_REVERSE_PATH
    size: int | None = None
    body = ""
    utf8 = False
    if parameters := found["parameters"]:
        seen: set[str] = set()
        for parameter in parameters.split():
            name, equals, value = parameter.partition("=")
            name = name.upper()
            if name in seen:
                return reply.BAD_PARAMETER
            seen.add(name)
            if name == "SIZE":
                # RFC 1870 §4: up to 20 digits. More than any disk holds is a number all the same.
                if not (value.isascii() and value.isdigit() and len(value) <= 20):
                    return reply.BAD_PARAMETER
                size = int(value)
            elif name == "BODY":
                body = value.upper()
                if body not in ("7BIT", "8BITMIME"):
                    return reply.BAD_PARAMETER
            elif name == "SMTPUTF8":
                if equals:
                    return reply.BAD_PARAMETER
                utf8 = True
            elif name == "AUTH" and auth:
                if not _XTEXT.fullmatch(value):
                    return reply.BAD_PARAMETER
            else:
                return reply.UNKNOWN_PARAMETER
    if found["atoms"] is None and found["quoted"] is None:
        return MailArgument(None, size, body, utf8)
    path = _address(found)
    if path is None:
        return reply.BAD_REVERSE_PATH
    if not utf8 and not text.isascii():
        return reply.NEEDS_SMTPUTF8
    return MailArgument(path, size, body, utf8)


def rcpt_argument(text: str, *, utf8: bool = False) -> Address | Reply:
    """Read what follows `RCPT `: `TO:<path>`, or say why not. `utf8`: MAIL had SMTPUTF8.

    `<Postmaster>` (RFC 5321 §4.1.1.3) is the address with the empty domain.
    """
    found = _RCPT.fullmatch(text)
    if found is None or len(text) > MAX_PATH * 2:
        return reply.BAD_FORWARD_PATH
    if found["parameters"].strip():
        return reply.UNKNOWN_PARAMETER  # RCPT parameters belong to extensions that we do not offer
    if found["postmaster"]:
        return Address("postmaster", "")
    path = _address(found)
    if path is None:
        return reply.BAD_FORWARD_PATH
    if not utf8 and not text.isascii():
        return reply.NEEDS_SMTPUTF8
    return path


def _address(found: re.Match[str]) -> Address | None:
    local = found["atoms"]
    if local is None:
        local = re.sub(r"\\(.)", r"\1", found["quoted"])
        if not local:
            return None
    domain = found["domain"]
    domain = _literal(found["literal"]) if domain is None else _labels(domain)
    if domain is None or len(local) + len(domain) >= MAX_PATH:
        return None
    return Address(local, domain)


def _labels(domain: str) -> str | None:
    """The domain in lower case as A-labels, or None when it is none."""
    domain = domain.lower() if domain.isascii() else a_labels(domain)
    if (
        not domain
        or len(domain) > MAX_DOMAIN
        or (len(domain) > MAX_LABEL and max(map(len, domain.split("."))) > MAX_LABEL)
    ):
        return None
    return domain


def _literal(literal: str) -> str | None:
    """An address literal (RFC 5321 §4.1.3) in its shortest form, or None when it is none."""
    try:
        if literal[:5].lower() == "ipv6:":
            return f"[IPv6:{IPv6Address(literal[5:])}]"
        return f"[{IPv4Address(literal)}]"
    except AddressValueError:
        return None
