"""The SMTP dialogue, by any client: a state machine that knows of each command which class of reply is due.

It speaks to the real session class over a transport in memory, cut into pieces as it likes. What the model knows is
small: greeted or not, a mail or none, how many recipients, content or commands. That is RFC 5321 §4.1.4.
"""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Callable
from ipaddress import ip_network

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from relay.attribution.directory import Directory
from relay.capture.house import House, Put
from relay.capture.lmtp import LmtpSession
from relay.capture.server import Server
from relay.capture.session import Session
from relay.config.settings import Admission, Capture, Endpoint, Limits
from relay.mail.envelope import MailObject, VaultId

CRM = "crm@crm.example.org"
REPLY = re.compile(rb"(?:([2-5][0-9][0-9])-[\x20-\x7e]*\r\n)*([2-5][0-9][0-9]) [\x20-\x7e]+\r\n")
MAX_SIZE = 4000

words = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=30)
lines = st.binary(max_size=60).filter(lambda line: b"\n" not in line and not line.endswith(b"\r"))
contents = st.lists(
    st.one_of(
        st.sampled_from([b"\r\n", b"\n", b"\r", b".", b"..", b"\r\n.", b".\r", b"\0", b"QUIT\r\n", b"From: a@b\r\n"]),
        st.binary(max_size=20),
    ),
    max_size=12,
).map(b"".join)
cuts = st.lists(st.integers(0, 400), max_size=5)


class Quiet:
    def debug(self, event: str, **facts: object) -> None:
        assert event != "session.trouble", facts

    info = warning = error = debug


class Pipe(asyncio.Transport):
    """A transport whose other end is the test."""

    def __init__(self) -> None:
        self.ends = socket.socketpair()  # for LMTP, which asks the kernel who it is; nothing goes through it
        super().__init__({"peername": ("127.0.0.1", 4711), "socket": self.ends[0]})
        self.said = b""
        self.closed = False

    def write(self, data: bytes) -> None:
        assert not self.closed, f"said after the end: {data!r}"
        self.said += data

    def hang_up(self) -> None:
        for end in self.ends:
            end.close()

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    abort = close

    def pause_reading(self) -> None:
        pass

    resume_reading = pause_reading

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass


def house(put: Put) -> House:
    """What sessions share, of a server that listens nowhere; who speaks through a `Pipe` has full trust."""
    who = Directory(capture=frozenset({CRM}))
    return Server(
        Capture(hostname="crm.example.org", listen=(Endpoint("127.0.0.1", 0),), addresses=(CRM,), max_size=MAX_SIZE),
        Admission(networks=(ip_network("127.0.0.1"),)),
        Limits(),
        put=put,
        directory=lambda: who,
        log=Quiet(),
    )._house


class Dialogue(RuleBasedStateMachine):
    """SMTP with a client of full trust."""

    session_class: Callable[..., Session] = Session
    hello = b"EHLO"

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.kept: list[MailObject] = []

        def put(mail: MailObject, done: Callable[[VaultId | Exception], None]) -> None:
            self.kept.append(mail)
            self.loop.call_soon(done, VaultId("0123abcd", len(self.kept)))

        self.pipe = Pipe()
        self.session = type(self).session_class(house(put), self.loop)
        self.session.connection_made(self.pipe)
        self.greeted = self.mail = False
        self.recipients = 0
        assert self._replies() == ["220"]

    def teardown(self) -> None:
        self.session.connection_lost(None)
        self._turn()
        self.pipe.hang_up()
        self.loop.close()

    # -- how we speak ----------------------------------------------------------------------------

    def _turn(self) -> None:
        for _ in range(4):
            self.loop.run_until_complete(asyncio.sleep(0))

    def _replies(self) -> list[str]:
        """The codes of all that was said since; every reply is well formed."""
        self._turn()
        said, self.pipe.said = self.pipe.said, b""
        codes = []
        while said:
            found = REPLY.match(said)
            assert found is not None, said
            codes.append(found[2].decode())
            said = said[found.end() :]
        return codes

    def _say(self, octets: bytes, where: list[int]) -> list[str]:
        place = 0
        for cut in sorted({each % max(1, len(octets)) for each in where} | {len(octets)}):
            if not self.pipe.closed and place < cut:
                self.session.data_received(octets[place:cut])
                place = cut
        return self._replies()

    def _one(self, octets: bytes, where: list[int], *due: str) -> str:
        codes = self._say(octets + b"\r\n", where)
        assert len(codes) == 1, f"{octets!r} has {codes}"
        assert codes[0] in due, f"{octets!r} has {codes[0]}, due is {due}"
        return codes[0]

    # -- commands --------------------------------------------------------------------------------

    @rule(name=words, where=cuts)
    def says_hello(self, name: str, where: list[int]) -> None:
        self._one(self.hello + b" " + name.encode(), where, "250")
        self.greeted, self.mail, self.recipients = True, False, 0

    @rule(where=cuts, path=st.sampled_from([b"<>", b"<a@b.example>", b"<a@b.example> SIZE=100 BODY=8BITMIME"]))
    def says_mail(self, where: list[int], path: bytes) -> None:
        well = self.greeted and not self.mail
        self._one(b"MAIL FROM:" + path, where, "250" if well else "503")
        self.mail = self.mail or well

    @rule(where=cuts, path=words)
    def says_mail_badly(self, where: list[int], path: str) -> None:
        self._one(b"MAIL FROM:<<" + path.encode(), where, "501" if self.greeted and not self.mail else "503")

    @rule(where=cuts, known=st.booleans(), tag=st.sampled_from([b"", b"+deal-7"]))
    def says_rcpt(self, where: list[int], known: bool, tag: bytes) -> None:
        address = b"crm" + tag + b"@crm.example.org" if known else b"nobody@elsewhere.example"
        self._one(b"RCPT TO:<" + address + b">", where, ("250" if known else "550") if self.mail else "503")
        self.recipients += known and self.mail

    @rule(where=cuts)
    def says_rset(self, where: list[int]) -> None:
        self._one(b"RSET", where, "250")
        self.mail, self.recipients = False, 0

    @rule(
        where=cuts,
        command=st.sampled_from([(b"NOOP", "250"), (b"VRFY x", "252"), (b"HELP", "214"), (b"BDAT 3", "502")]),
    )
    def says_something_idle(self, where: list[int], command: tuple[bytes, str]) -> None:
        self._one(command[0], where, command[1])

    @rule(where=cuts, line=lines)
    def says_anything(self, where: list[int], line: bytes) -> None:
        if line[:1].isalpha():
            return
        code = self._one(line, where, "500", "554")
        assert code == "500" or not self.greeted
        assert (code == "554") == self.pipe.closed

    @rule(where=cuts, size=st.integers(2047, 9000))
    def says_too_much(self, where: list[int], size: int) -> None:
        self._one(b"N" * size, where, "500")

    @precondition(lambda self: not self.recipients)
    @rule(where=cuts)
    def says_data_too_early(self, where: list[int]) -> None:
        self._one(b"DATA", where, "503", "554")

    @precondition(lambda self: self.recipients)
    @rule(where=cuts, content=contents, again=cuts, behind=st.sampled_from([b"", b"NOOP\r\n"]))
    def sends_a_message(self, where: list[int], content: bytes, again: list[int], behind: bytes) -> None:
        self._one(b"DATA", where, "354")
        stuffed = (b"\r\n" + content).replace(b"\r\n.", b"\r\n..")[2:]
        if stuffed.endswith(b"\r\n") or not stuffed:
            sent, kept = stuffed, content
        else:
            sent, kept = stuffed + b"\r\n", content + b"\r\n"
        before = len(self.kept)
        codes = self._say(sent + b".\r\n" + behind, again)
        assert codes == self._after_data() + (["250"] if behind else []), (content, codes)
        assert [mail.content for mail in self.kept[before:]] == [kept]
        self.mail, self.recipients = False, 0

    @precondition(lambda self: self.recipients)
    @rule(where=cuts, more=st.integers(1, 3))
    def sends_too_much(self, where: list[int], more: int) -> None:
        self._one(b"DATA", [], "354")
        codes = self._say((b"x" * 78 + b"\r\n") * (MAX_SIZE // 80 * (more + 1)) + b".\r\n", where)
        assert set(codes) == {"552"}
        assert len(codes) == len(self._after_data())
        self.mail, self.recipients = False, 0

    def _after_data(self) -> list[str]:
        return ["250"]

    @invariant()
    def says_nothing_unasked(self) -> None:
        assert self._replies() == []

    @invariant()
    def begins_anew_after_the_end(self) -> None:
        if self.pipe.closed:
            self.teardown()
            self.__init__()  # type: ignore[misc]


class LmtpDialogue(Dialogue):
    """LMTP: the same, but a reply to the message for each recipient (RFC 2033 §4.2)."""

    session_class = LmtpSession
    hello = b"LHLO"

    def _after_data(self) -> list[str]:
        return ["250"] * self.recipients
