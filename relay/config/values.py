"""What one configuration value may be, and what it means: sizes, times, addresses, networks, domains.

A kind reads what TOML gave (or the text of an environment variable), with the folder of the file, and
returns the value as the program uses it. It raises ValueError with a sentence for the person who wrote
the value: what is wrong with it and what would be right. It also writes the value as that person would
have, and says in a few words what it takes. Kinds know nothing of keys, files or lines.
"""

# ruff: noqa: TRY004  a value of a wrong TOML type is a wrong value to the person who wrote it

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Any

from relay.config import written
from relay.mail.address import a_labels

Network = IPv4Network | IPv6Network

_NUMBER = re.compile(r"\s*(\d{1,15}(?:\.\d{1,6})?)\s*([A-Za-z]*)\s*\Z", re.ASCII)
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\Z", re.ASCII)
# RFC 5322 atext and dots; a capture address is ours to choose, so quoted local parts are not needed.
_LOCAL_PART = re.compile(r"[A-Za-z0-9!#$%&'*/=?^_`{|}~.-]{1,64}\Z", re.ASCII)

_SIZES = {"b": 1, "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "kb": 10**3, "mb": 10**6, "gb": 10**9}
_DAY = 86400.0
_YEAR = 365.25 * _DAY
_TIMES = {
    **dict.fromkeys(("ms", "millisecond", "milliseconds"), 0.001),
    **dict.fromkeys(("s", "second", "seconds"), 1.0),
    **dict.fromkeys(("min", "minute", "minutes"), 60.0),
    **dict.fromkeys(("h", "hour", "hours"), 3600.0),
    **dict.fromkeys(("d", "day", "days"), _DAY),
    **dict.fromkeys(("week", "weeks"), 7 * _DAY),
    **dict.fromkeys(("month", "months"), _YEAR / 12),
    **dict.fromkeys(("year", "years"), _YEAR),
}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A TCP address to listen on. `host` is an IP address, `port` 0 lets the system choose."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Kind:
    """What a value may be. `says`: the same in a few words for a manual ("a size from 1 KiB to 512 MiB")."""

    read: Callable[[object, Path], Any]
    says: str
    write: Callable[[Any], str] = written.toml


class Several(ValueError):  # noqa: N818  it holds several mistakes, it is not one
    """Mistakes in more than one place of a list: (index, sentence) each."""

    def __init__(self, found: list[tuple[int, str]]) -> None:
        super().__init__("; ".join(sentence for _, sentence in found))
        self.found = found


def shown(value: object) -> str:
    """The value as the person wrote it, short enough for a line and free of control characters."""
    given = f'"{value}"' if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)
    printable = "".join(c if c.isprintable() else "?" for c in given)
    return printable if len(printable) <= 60 else printable[:57] + "..."


def _string(value: object, wanted: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{shown(value)} is not {wanted}; write it in quotation marks")
    return value.strip()


def _text(value: object, _folder: Path) -> str:
    """Any text without line ends."""
    found = _string(value, "a text")
    if not found.isprintable():
        raise ValueError(f"{shown(value)} contains control characters")
    return found


def choice(*known: str) -> Kind:
    """One of a few words."""

    def read(value: object, _folder: Path) -> str:
        if value not in known:
            raise ValueError(f"{shown(value)} is not one of {', '.join(shown(word) for word in known)}")
        return str(value)

    return Kind(read, f"one of {', '.join(shown(word) for word in known)}")


def count(lowest: int, highest: int) -> Kind:
    """A whole number within bounds, both included."""

    def read(value: object, _folder: Path) -> int:
        if isinstance(value, str) and re.fullmatch(r"\s*\d{1,15}\s*", value, re.ASCII):
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            raise ValueError(f"{shown(value)} is not a whole number")
        if not lowest <= value <= highest:
            raise ValueError(f"{value} is not between {lowest} and {highest}")
        return value

    return Kind(read, f"a whole number from {lowest} to {highest}")


def size(lowest: int, highest: int) -> Kind:
    """Octets within bounds: "50 MiB", "20 MB", or a bare number of octets."""
    between = f"between {written.octets(lowest)} and {written.octets(highest)}"

    def read(value: object, _folder: Path) -> int:
        if isinstance(value, int) and not isinstance(value, bool):
            octets = value
        else:
            found = _NUMBER.match(value) if isinstance(value, str) else None
            unit = _SIZES.get(found[2].lower() or "b") if found else None
            if found is None or unit is None:
                raise ValueError(f'{shown(value)} is not a size; write it like "50 MiB" (B, KiB, MiB, GiB, KB, MB, GB)')
            octets = int(float(found[1]) * unit)
        if not lowest <= octets <= highest:
            raise ValueError(f"{shown(value)} is not {between}")
        return octets

    return Kind(read, f"a size {between}", lambda octets: written.quoted(written.octets(octets)))


def duration(lowest: float, highest: float) -> Kind:
    """Seconds within bounds: "8 s", "500 ms", "10 years". A bare number is refused: seconds or days?"""
    between = f"between {written.duration(lowest)} and {written.duration(highest)}"

    def read(value: object, _folder: Path) -> float:
        if isinstance(value, int | float) and not isinstance(value, bool):
            raise ValueError(f'{shown(value)} has no unit; write "{value} s" for seconds')
        found = _NUMBER.match(value) if isinstance(value, str) else None
        unit = _TIMES.get(found[2].lower()) if found else None
        if found is None or unit is None:
            raise ValueError(f'{shown(value)} is not a time; write it like "8 s" (ms, s, min, h, days, months, years)')
        seconds = float(found[1]) * unit
        if not lowest <= seconds <= highest:
            raise ValueError(f"{shown(value)} is not {between}")
        return seconds

    return Kind(read, f"a time {between}", lambda seconds: written.quoted(written.duration(seconds)))


def _path(value: object, folder: Path) -> Path:
    """A path; a relative one is relative to the configuration file, not to where the program was started."""
    found = _string(value, "a path")
    if not found or "\0" in found:
        raise ValueError(f"{shown(value)} is not a path")
    try:
        return (folder / Path(found).expanduser()).absolute()
    except RuntimeError as error:  # "~" where no home is known
        raise ValueError(f"{shown(value)}: {error}") from error


def _endpoint(value: object, _folder: Path) -> Endpoint:
    """An IP address and a port: "0.0.0.0:25", "[::]:25"."""
    found = _string(value, "an address to listen on")
    host, colon, port = found.rpartition(":")
    example = 'write it like "0.0.0.0:25" or "[::]:25"'
    if not colon or not re.fullmatch(r"\d{1,5}", port, re.ASCII) or int(port) > 65535:
        raise ValueError(f"{shown(value)} has no port between 0 and 65535; {example}")
    bracketed = host.startswith("[") and host.endswith("]")
    try:
        address = ip_address(host[1:-1] if bracketed else host)
    except ValueError:
        raise ValueError(f"{shown(value)} is not an IP address and a port; {example}") from None
    if (address.version == 6) is not bracketed:
        raise ValueError(f"{shown(value)}: an IPv6 address stands in brackets, an IPv4 address does not; {example}")
    return Endpoint(str(address), int(port))


def _loopback(value: object, folder: Path) -> Endpoint:
    """An endpoint that only this machine reaches."""
    found = _endpoint(value, folder)
    if not ip_address(found.host).is_loopback:
        raise ValueError(
            f"{shown(value)} can be reached from outside, and what is told there is nobody else's business; "
            f'write "127.0.0.1:{found.port}", and let a proxy that asks for a password pass it on'
        )
    return found


def _network(value: object, _folder: Path) -> Network:
    """A network: "192.0.2.0/24", "2001:db8::/32", or one address."""
    found = _string(value, "a network")
    try:
        return ip_network(found)
    except ValueError:
        try:
            meant = ip_network(found, strict=False)
        except ValueError:
            raise ValueError(f'{shown(value)} is not a network; write it like "192.0.2.0/24" or "::1/128"') from None
        raise ValueError(f'{shown(value)} has bits set beyond its prefix; did you mean "{meant}"?') from None


def _resolver(value: object, _folder: Path) -> str:
    """A DNS server: an IP address, with or without a port."""
    found = _string(value, "a DNS server")
    try:
        return str(ip_address(found))
    except ValueError:
        try:
            return str(_endpoint(found, Path()))
        except ValueError:
            raise ValueError(
                f'{shown(value)} is not a DNS server; write it like "192.0.2.53" or "127.0.0.1:5300"'
            ) from None


def _domain(value: object, _folder: Path) -> str:
    """A domain name, as lower-case A-labels (RFC 5890): "Bücher.example" is "xn--bcher-kva.example"."""
    found = _string(value, "a domain")
    if "@" in found:
        raise ValueError(f"{shown(value)} is an address; write only what stands after the @")
    name = a_labels(found.removesuffix("."))
    # RFC 1035 §2.3.4: labels of 63 octets, names of 255 with their length octets.
    if len(name) > 253 or not all(_LABEL.match(label) for label in name.split(".")):
        raise ValueError(f'{shown(value)} is not a domain name; write it like "example.org"')
    return name


def _capture_address(value: object, folder: Path) -> str:
    """A capture address in its canonical form (all lower case), without a tag."""
    found = _string(value, "an address")
    local, at, host = found.rpartition("@")
    if not at or not local:
        raise ValueError(f'{shown(value)} is not an address; write it like "crm@crm.example.org"')
    if "+" in local:
        raise ValueError(f'{shown(value)} carries a tag; write it without: "{local.partition("+")[0]}@{host}"')
    if not _LOCAL_PART.match(local) or local.startswith(".") or local.endswith(".") or ".." in local:
        raise ValueError(f"{shown(value)}: what stands before the @ is not a plain local part")
    return f"{local.lower()}@{_domain(host, folder)}"


text = Kind(_text, "a text")
path = Kind(_path, "a path")
endpoint = Kind(_endpoint, "an IP address and a port")
loopback = Kind(_loopback, "a loopback address and a port")
network = Kind(_network, "a network or an IP address")
resolver = Kind(_resolver, "an IP address, with or without a port")
domain = Kind(_domain, "a domain name")
capture_address = Kind(_capture_address, "a mail address")


def each(kind: Kind, several: str) -> Kind:
    """A list, every element of `kind`; `several` names them. Raises Several, so that no mistake hides another."""

    def read(value: object, folder: Path) -> tuple[Any, ...]:
        if not isinstance(value, list):
            meant = f"[{shown(value)}]" if isinstance(value, str) else "[...]"
            raise ValueError(f"{shown(value)} is not a list; write {meant}")
        wrong: list[tuple[int, str]] = []
        found: list[Any] = []
        for index, element in enumerate(value):
            try:
                read_element = kind.read(element, folder)
            except ValueError as error:
                wrong.append((index, str(error)))
            else:
                if read_element not in found:
                    found.append(read_element)
        if wrong:
            raise Several(wrong)
        return tuple(found)

    return Kind(read, f"a list of {several}", lambda found: f"[{', '.join(map(kind.write, found))}]")
