"""A name server on loopback that knows what a test tells it, and misbehaves as told: by UDP and TCP, on one port.

with NameServer({"example.org TXT": ["v=spf1 -all"]}) as dns: ... dns.place   # '127.0.0.1:40123'
"""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Self

from dns import flags, message, rcode, rdatatype, rrset

SILENT, FAILING = ["SILENT"], ["FAILING"]
"""In place of records: no answer at all, and SERVFAIL."""


class NameServer:
    """`records`: 'name TYPE' -> texts of the records (TXT without quotes). What is not there is NXDOMAIN.

    `questions`: what was asked, as the keys of `records` are written, in order.
    """

    def __init__(self, records: Mapping[str, Iterable[str]] | None = None, ttl: int = 60) -> None:
        self.records = {key.lower(): list(texts) for key, texts in (records or {}).items()}
        self.questions: list[str] = []
        self.ttl = ttl
        self._udp, self._tcp = _pair()
        self.place = "{}:{}".format(*self._udp.getsockname())
        self._threads = [threading.Thread(target=run, daemon=True) for run in (self._by_udp, self._by_tcp)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for each in (self._udp, self._tcp):
            each.shutdown(socket.SHUT_RDWR) if each is self._tcp else None
            each.close()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wake:
            wake.sendto(b"", tuple_of(self.place))

    def say(self, key: str, *texts: str) -> None:
        """From now on `key` ('name TYPE') has these records; `SILENT` and `FAILING` as well."""
        self.records[key.lower()] = list(texts)

    def _answer(self, octets: bytes) -> bytes | None:
        query = message.from_wire(octets)
        asked = query.question[0]
        domain = asked.name.to_text().rstrip(".").lower()
        key = f"{domain} {rdatatype.to_text(asked.rdtype)}".lower()
        self.questions.append(key)
        found = self.records.get(key)
        if found == SILENT:
            return None
        reply = message.make_response(query)
        reply.flags |= flags.RA
        if found == FAILING:
            reply.set_rcode(rcode.SERVFAIL)
        elif found:
            texts = [_quoted(text) for text in found] if asked.rdtype == rdatatype.TXT else found
            reply.answer.append(rrset.from_text(asked.name, self.ttl, "IN", asked.rdtype, *texts))
        elif not any(other.rpartition(" ")[0] == domain for other in self.records):
            reply.set_rcode(rcode.NXDOMAIN)
        return reply.to_wire(max_size=65535)

    def _by_udp(self) -> None:
        while True:
            try:
                octets, client = self._udp.recvfrom(4096)
            except OSError:
                return
            if not octets:
                return
            answer = self._answer(octets)
            if answer is None:
                continue
            if len(answer) > 1232:  # as servers do that avoid fragments: the client comes back by TCP
                short = message.make_response(message.from_wire(octets))
                short.flags |= flags.TC
                answer = short.to_wire()
            self._udp.sendto(answer, client)

    def _by_tcp(self) -> None:
        while True:
            try:
                client, _ = self._tcp.accept()
            except OSError:
                return
            with client, client.makefile("rb") as stream:
                client.settimeout(5)
                length = stream.read(2)
                if len(length) == 2:
                    answer = self._answer(stream.read(struct.unpack("!H", length)[0]))
                    if answer is not None:
                        client.sendall(struct.pack("!H", len(answer)) + answer)


def tuple_of(place: str) -> tuple[str, int]:
    host, _, port = place.rpartition(":")
    return host, int(port)


def _pair() -> tuple[socket.socket, socket.socket]:
    """A UDP and a TCP socket on one port of loopback."""
    while True:
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.bind(("127.0.0.1", 0))
        try:
            return udp, socket.create_server(udp.getsockname())
        except OSError:  # somebody has the port by TCP
            udp.close()


def _quoted(text: str) -> str:
    """A TXT record as zone files write it: strings of 255 octets at the most."""
    pieces = [text[at : at + 255] for at in range(0, len(text), 255)] or [""]
    return " ".join('"' + piece.replace("\\", "\\\\").replace('"', '\\"') + '"' for piece in pieces)
