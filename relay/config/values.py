"""What one configuration value may be, and what it means: sizes, times, addresses, networks, domains.

A reader takes what TOML gave (or the text of an environment variable) and the folder of the file, and
returns the value as the program uses it. It raises ValueError with a sentence for the person who wrote
the value: what is wrong with it and what would be right. Readers know nothing of keys, files or lines.
"""

# ruff: noqa: TRY004  a value of a wrong TOML type is a wrong value to the person who wrote it

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Any

from relay.mail.address import a_labels

Network = IPv4Network | IPv6Network
Reader = Callable[[object, Path], Any]

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


class Several(ValueError):  # noqa: N818  it holds several mistakes, it is not one
    """Mistakes in more than one place of a list: (index, sentence) each."""

    def __init__(self, found: list[tuple[int, str]]) -> None:
        super().__init__("; ".join(sentence for _, sentence in found))
        self.found = found


def shown(value: object) -> str:
    """The value as the person wrote it, short enough for a line and free of control characters."""
    written = f'"{value}"' if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)
    printable = "".join(c if c.isprintable() else "?" for c in written)
    return printable if len(printable) <= 60 else printable[:57] + "..."


def _text(value: object, wanted: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{shown(value)} is not {wanted}; write it in quotation marks")
    return value.strip()


def text(value: object, _folder: Path) -> str:
    """Any text without line ends."""
    found = _text(value, "a text")
    if not found.isprintable():
        raise ValueError(f"{shown(value)} contains control characters")
    return found


def choice(*known: str) -> Reader:
    """One of a few words."""

    def read(value: object, _folder: Path) -> str:
        if value not in known:
            raise ValueError(f"{shown(value)} is not one of {', '.join(shown(word) for word in known)}")
        return str(value)

    return read


def count(lowest: int, highest: int) -> Reader:
    """A whole number within bounds, both included."""

    def read(value: object, _folder: Path) -> int:
        if isinstance(value, str) and re.fullmatch(r"\s*\d{1,15}\s*", value, re.ASCII):
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            raise ValueError(f"{shown(value)} is not a whole number")
        if not lowest <= value <= highest:
            raise ValueError(f"{value} is not between {lowest} and {highest}")
        return value

    return read


def size(lowest: int, highest: int) -> Reader:
    """Octets within bounds: "50 MiB", "20 MB", or a bare number of octets."""

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
            raise ValueError(f"{shown(value)} is not between {octets_shown(lowest)} and {octets_shown(highest)}")
        return octets

    return read


def octets_shown(octets: int) -> str:
    """A size as a person writes it: "50 MiB"."""
    for unit, name in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if octets >= unit and octets % unit == 0:
            return f"{octets // unit} {name}"
    return f"{octets} B"


def duration(lowest: float, highest: float) -> Reader:
    """Seconds within bounds: "8 s", "500 ms", "10 years". A bare number is refused: seconds or days?"""

    def read(value: object, _folder: Path) -> float:
        if isinstance(value, int | float) and not isinstance(value, bool):
            raise ValueError(f'{shown(value)} has no unit; write "{value} s" for seconds')
        found = _NUMBER.match(value) if isinstance(value, str) else None
        unit = _TIMES.get(found[2].lower()) if found else None
        if found is None or unit is None:
            raise ValueError(f'{shown(value)} is not a time; write it like "8 s" (ms, s, min, h, days, months, years)')
        seconds = float(found[1]) * unit
        if not lowest <= seconds <= highest:
            raise ValueError(f"{shown(value)} is not between {lowest:g} s and {highest:g} s")
        return seconds

    return read


def path(value: object, folder: Path) -> Path:
    """A path; a relative one is relative to the configuration file, not to where the program was started."""
    found = _text(value, "a path")
    if not found or "\0" in found:
        raise ValueError(f"{shown(value)} is not a path")
    try:
        return (folder / Path(found).expanduser()).absolute()
    except RuntimeError as error:  # "~" where no home is known
        raise ValueError(f"{shown(value)}: {error}") from error


def endpoint(value: object, _folder: Path) -> Endpoint:
    """An IP address and a port: "0.0.0.0:25", "[::]:25"."""
    found = _text(value, "an address to listen on")
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


def network(value: object, _folder: Path) -> Network:
    """A network: "192.0.2.0/24", "2001:db8::/32", or one address."""
    found = _text(value, "a network")
    try:
        return ip_network(found)
    except ValueError:
        try:
            meant = ip_network(found, strict=False)
        except ValueError:
            raise ValueError(f'{shown(value)} is not a network; write it like "192.0.2.0/24" or "::1/128"') from None
        raise ValueError(f'{shown(value)} has bits set beyond its prefix; did you mean "{meant}"?') from None


def resolver(value: object, _folder: Path) -> str:
    """A DNS server: an IP address, with or without a port."""
    found = _text(value, "a DNS server")
    try:
        return str(ip_address(found))
    except ValueError:
        try:
            return str(endpoint(found, Path()))
        except ValueError:
            raise ValueError(
                f'{shown(value)} is not a DNS server; write it like "192.0.2.53" or "127.0.0.1:5300"'
            ) from None


def domain(value: object, _folder: Path) -> str:
    """A domain name, as lower-case A-labels (RFC 5890): "Bücher.example" is "xn--bcher-kva.example"."""
    found = _text(value, "a domain")
    if "@" in found:
        raise ValueError(f"{shown(value)} is an address; write only what stands after the @")
    name = a_labels(found.removesuffix("."))
    # RFC 1035 §2.3.4: labels of 63 octets, names of 255 with their length octets.
    if len(name) > 253 or not all(_LABEL.match(label) for label in name.split(".")):
        raise ValueError(f'{shown(value)} is not a domain name; write it like "example.org"')
    return name


def capture_address(value: object, folder: Path) -> str:
    """A capture address in its canonical form (all lower case), without a tag."""
    found = _text(value, "an address")
    local, at, host = found.rpartition("@")
    if not at or not local:
        raise ValueError(f'{shown(value)} is not an address; write it like "crm@crm.example.org"')
    if "+" in local:
        raise ValueError(f'{shown(value)} carries a tag; write it without: "{local.partition("+")[0]}@{host}"')
    if not _LOCAL_PART.match(local) or local.startswith(".") or local.endswith(".") or ".." in local:
        raise ValueError(f"{shown(value)}: what stands before the @ is not a plain local part")
    return f"{local.lower()}@{domain(host, folder)}"


def each(reader: Reader) -> Reader:
    """A list, every element by `reader`. Raises Several, so that no mistake hides another."""

    def read(value: object, folder: Path) -> tuple[Any, ...]:
        if not isinstance(value, list):
            written = f"[{shown(value)}]" if isinstance(value, str) else "[...]"
            raise ValueError(f"{shown(value)} is not a list; write {written}")
        wrong: list[tuple[int, str]] = []
        found: list[Any] = []
        for index, element in enumerate(value):
            try:
                read_element = reader(element, folder)
            except ValueError as error:
                wrong.append((index, str(error)))
            else:
                if read_element not in found:
                    found.append(read_element)
        if wrong:
            raise Several(wrong)
        return tuple(found)

    return read
