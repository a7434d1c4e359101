"""SPF: may this host send mail for that domain? (RFC 7208)

Sans I/O: `check_host` is a generator that asks questions to DNS and is sent the answers, so the same code runs against
a resolver, a cache or a test. Bounds are those of the RFC (§4.6.4): ten terms that ask, two that find nothing, ten
names of a mechanism; whoever needs more is a permanent error. The explanation (exp=) is never fetched: nobody sees it.

    asks = check_host("192.0.2.25", "example.org", "bob@example.org", "mail.example.org")
    question = next(asks) ... asks.send(("v=spf1 mx -all",)) ... StopIteration.value is the result
"""

from __future__ import annotations

import re
from collections.abc import Generator
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import quote

from relay.mail.proof import Result

Question = tuple[str, str]
"""(name, type of the records): 'TXT', 'A', 'AAAA', 'MX', 'PTR'."""

Records = tuple[str, ...] | None
"""The records as text (MX as 'preference name'); None: nobody answered."""

Asking = Generator[Question, Records, Result]

TERMS = 10
"""Terms that ask DNS (§4.6.4)."""

VOID = 2
"""Of these, those that may find nothing (§4.6.4)."""

NAMES = 10
"""MX or PTR names that are followed (§4.6.4)."""

LONGEST = 4096
"""Octets of a record that are read; real ones stay below 500 to fit a datagram."""

LOOKUPS = 60
"""Questions of one evaluation in all: ten terms with ten names each would be a hundred and more, which a stranger could
have us ask of anybody. Real records need twenty."""

_VERSION = re.compile(r"v=spf1(?: |\Z)", re.IGNORECASE)
_NUMBER = re.compile(r"[0-9]+\Z")
_TERM = re.compile(
    r"(?P<qualifier>[+\-~?]?)(?P<name>all|include|a|mx|ptr|ip4|ip6|exists)"
    r"(?::(?P<value>[^\s/]+(?:/[^\s/0-9][^\s/]*)*))?(?P<cidr>(?:/\d{1,3})?(?://\d{1,3})?)",
    re.IGNORECASE,
)
_IP6 = re.compile(
    r"(?P<qualifier>[+\-~?]?)(?P<name>ip[46]):(?P<value>[0-9a-f.:]+)(?P<cidr>(?:/\d{1,3})?)", re.IGNORECASE
)
_MODIFIER = re.compile(r"(?P<name>[A-Za-z][A-Za-z0-9\-_.]*)=(?P<value>\S*)")
# The letters c, r and t are for explanations only (§7.2).
_MACRO = re.compile(
    r"%(?:\{(?P<letter>[slodiphv])(?P<digits>(?:0{0,2}[1-9]\d{0,2})?)(?P<reverse>r?)(?P<delimiters>[.\-+,/_=]*)\}|(?P<other>[%_\-]))",
    re.IGNORECASE,
)
_WORDS = {"+": Result.PASS, "-": Result.FAIL, "~": Result.SOFTFAIL, "?": Result.NEUTRAL, "": Result.PASS}


class _BadRecordError(Exception):
    """The record, or a limit, makes it a permanent error."""


class _NoAnswerError(Exception):
    """DNS did not answer."""


@dataclass(frozen=True, slots=True)
class _Term:
    result: Result
    name: str
    value: str = ""
    cidr4: int = 32
    cidr6: int = 128


@dataclass(frozen=True, slots=True)
class _Record:
    terms: tuple[_Term, ...]
    redirect: str = ""


@dataclass(slots=True)
class _Check:
    """One evaluation with its budget. `helo`, `sender`: for macros."""

    ip: IPv4Address | IPv6Address
    sender: str
    helo: str
    terms: int = TERMS
    void: int = VOID
    lookups: int = LOOKUPS
    names: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def run(self, domain: str) -> Asking:
        """The result for one domain (§4)."""
        if not _is_name(domain):
            return Result.NONE
        records = yield from self._ask(domain, "TXT", counted=False)
        found = [text for text in records if _VERSION.match(text)]
        if not found:
            return Result.NONE
        if len(found) > 1:
            raise _BadRecordError
        record = _read(found[0])
        for term in record.terms:
            if (yield from self._matches(term, domain)):
                return term.result
        if record.redirect:
            self._spend()
            target = yield from self._expand(record.redirect, domain)
            result = yield from self.run(target)
            if result is Result.NONE:
                raise _BadRecordError
            return result
        return Result.NEUTRAL

    def _matches(self, term: _Term, domain: str) -> Generator[Question, Records, bool]:
        if term.name == "all":
            return True
        if term.name in ("ip4", "ip6"):
            network = ip_network(term.value, strict=False)
            return self.ip.version == network.version and self.ip in network
        self._spend()
        target = (yield from self._expand(term.value, domain)) if term.value else domain
        if term.name == "include":
            result = yield from self.run(target)
            if result is Result.NONE:
                raise _BadRecordError
            return result is Result.PASS
        if term.name == "exists":
            return bool((yield from self._ask(target, "A")))
        if term.name == "a":
            return (yield from self._is_host(target, term))
        if term.name == "mx":
            names = yield from self._ask(target, "MX")
            if len(names) > NAMES:
                raise _BadRecordError
            for each in names:
                if (yield from self._is_host(each.rpartition(" ")[2], term, counted=False)):
                    return True
            return False
        validated = yield from self._validated_names()
        return any(name == target.lower() or name.endswith("." + target.lower()) for name in validated)

    def _is_host(self, name: str, term: _Term, *, counted: bool = True) -> Generator[Question, Records, bool]:
        """Does the name have our address, within the term's prefix?"""
        kind, prefix = ("A", term.cidr4) if self.ip.version == 4 else ("AAAA", term.cidr6)
        for text in (yield from self._ask(name, kind, counted=counted)):
            if self.ip in ip_network(f"{text}/{prefix}", strict=False):
                return True
        return False

    def _validated_names(self) -> Generator[Question, Records, tuple[str, ...]]:
        """Names of the host that lead back to it (§5.5). What DNS does not answer here is as if there were none."""
        if "" not in self.names:
            kind = "A" if self.ip.version == 4 else "AAAA"
            found = []
            for name in ((yield from self._question(self.ip.reverse_pointer, "PTR")) or ())[:NAMES]:
                addresses = (yield from self._question(name, kind)) or ()
                if any(ip_address(address) == self.ip for address in addresses):
                    found.append(name.rstrip(".").lower())
            self.names[""] = tuple(found)
        return self.names[""]

    def _ask(self, name: str, kind: str, *, counted: bool = True) -> Generator[Question, Records, tuple[str, ...]]:
        records = yield from self._question(name, kind)
        if records is None:
            raise _NoAnswerError
        if not records and counted:
            self.void -= 1
            if self.void < 0:
                raise _BadRecordError
        return records

    def _question(self, name: str, kind: str) -> Generator[Question, Records, Records]:
        """What DNS says; nothing for what is no name."""
        if not _is_name(name):
            return ()
        self.lookups -= 1
        if self.lookups < 0:
            raise _BadRecordError
        return (yield (name, kind))

    def _spend(self) -> None:
        self.terms -= 1
        if self.terms < 0:
            raise _BadRecordError

    def _expand(self, text: str, domain: str) -> Generator[Question, Records, str]:
        """Macros (§7), then the rightmost 253 characters at a label."""
        pieces: list[str] = []
        at = 0
        for found in _MACRO.finditer(text):
            pieces += (text[at : found.start()], (yield from self._macro(found, domain)))
            at = found.end()
        expanded = "".join((*pieces, text[at:])).rstrip(".")
        while len(expanded) > 253:
            _, dot, expanded = expanded.partition(".")
            if not dot:
                raise _BadRecordError
        return expanded.lower()

    def _macro(self, found: re.Match[str], domain: str) -> Generator[Question, Records, str]:
        if found["other"]:
            return {"%": "%", "_": " ", "-": "%20"}[found["other"]]
        letter = found["letter"].lower()
        if letter == "p":
            names = yield from self._validated_names()
            near = [name for name in names if name == domain or name.endswith("." + domain)]
            value = (near or list(names) or ["unknown"])[0]
        else:
            value = self._values(domain)[letter]
        parts = re.split("[" + re.escape(found["delimiters"] or ".") + "]", value)
        if found["reverse"]:
            parts.reverse()
        if found["digits"]:
            parts = parts[-int(found["digits"]) :]
        joined = ".".join(parts)
        return quote(joined, safe="~") if found["letter"].isupper() else joined

    def _values(self, domain: str) -> dict[str, str]:
        local, _, host = self.sender.rpartition("@")
        v4 = self.ip.version == 4
        return {
            "s": self.sender,
            "l": local,
            "o": host,
            "d": domain,
            "i": str(self.ip) if v4 else ".".join(self.ip.exploded.replace(":", "")),
            "v": "in-addr" if v4 else "ip6",
            "h": self.helo,
        }


def check_host(ip: str, domain: str, sender: str, helo: str) -> Asking:
    """May the host with that address send for `domain`? `sender`: the reverse-path; '' stands for postmaster@domain.

    Raises ValueError when `ip` is no address.
    """
    address = ip_address(ip)
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if "@" not in sender:
        sender = f"postmaster@{domain}"
    elif sender.startswith("@"):
        sender = "postmaster" + sender
    try:
        return (yield from _Check(address, sender, helo).run(domain.rstrip(".").lower()))
    except _BadRecordError:
        return Result.PERMERROR
    except _NoAnswerError:
        return Result.TEMPERROR


def _read(text: str) -> _Record:
    """The terms of a record; all of it must be right before any of it counts (§4.6)."""
    if len(text) > LONGEST or not text.isascii():
        raise _BadRecordError
    terms: list[_Term] = []
    redirect: list[str] = []
    explanations = 0
    for word in text.split(" ")[1:]:
        if not word:
            continue
        modifier = _MODIFIER.fullmatch(word)
        if modifier is not None:
            name, value = modifier["name"].lower(), modifier["value"]
            explanations += name == "exp"
            if name == "redirect":
                redirect.append(value)
            known = name in ("redirect", "exp")
            if (known and not (value and _is_domain_spec(value))) or len(redirect) > 1 or explanations > 1:
                raise _BadRecordError
            continue
        terms.append(_term(word))
    without_all = not any(term.name == "all" for term in terms)
    return _Record(tuple(terms), redirect[0] if redirect and without_all else "")


def _term(word: str) -> _Term:
    found = _IP6.fullmatch(word) or _TERM.fullmatch(word)
    if found is None:
        raise _BadRecordError
    name, value, cidr = found["name"].lower(), found["value"] or "", found["cidr"]
    result = _WORDS[found["qualifier"]]
    if name in ("ip4", "ip6"):
        try:
            network = ip_network(value + cidr, strict=False)
        except ValueError:
            raise _BadRecordError from None
        if network.version != int(name[2]):
            raise _BadRecordError
        return _Term(result, name, str(network))
    wants_value = name in ("include", "exists")
    if (wants_value and (not value or cidr)) or (name == "all" and (value or cidr)) or (name == "ptr" and cidr):
        raise _BadRecordError
    if not _is_domain_spec(value):
        raise _BadRecordError
    first, _, second = cidr.partition("//")
    return _Term(result, name, value, _length(first.strip("/"), 32), _length(second, 128))


def _is_domain_spec(text: str) -> bool:
    """Is it a name, or one with whole macros in it (§7.1)? None at all is right, too."""
    if "%" in text:
        return "%" not in _MACRO.sub("", text)
    last = text.rstrip(".").rpartition(".")[2]
    return not text or (_is_name(text) and not _NUMBER.match(last) and last.strip("-") == last)


def _length(text: str, most: int) -> int:
    if not text:
        return most
    if int(text) > most or (len(text) > 1 and text.startswith("0")):
        raise _BadRecordError
    return int(text)


def _is_name(name: str) -> bool:
    """A domain name of two labels or more that can be asked for (§4.3); macros may have made anything of it."""
    labels = name.rstrip(".").split(".")
    return len(name) <= 254 and len(labels) > 1 and all(0 < len(label) <= 63 for label in labels)
