"""We never send mail in answer to mail: whatever comes, the daemon and its processes speak to nobody but the name server."""

from __future__ import annotations

import re
import shutil
import smtplib
import subprocess
import sys
import time
from pathlib import Path

import pytest
from dns_stub import NameServer
from mailbuilder import message
from running import CAPTURE, PATIENCE, Relay


def may_watch() -> bool:
    """Is strace here, and may it watch a process?"""
    return (
        bool(shutil.which("strace"))
        and not subprocess.run(["strace", "-o", "/dev/null", "true"], check=False).returncode
    )


ASKING = {
    "a receipt is asked for": {
        "Disposition-Notification-To": "bob@example.org", "Return-Receipt-To": "bob@example.org",
    },
    "an automatic answer": {"Auto-Submitted": "auto-replied"},
    "a list": {"List-Id": "<news.lead.example>", "List-Unsubscribe": "<mailto:off@lead.example>"},
    "answers elsewhere": {"Reply-To": "elsewhere@lead.example", "Errors-To": "errors@lead.example"},
}  # fmt: skip


class Watched(Relay):
    """The daemon, each of whose connections and programs is written down, and those of its processes."""

    def command(self, *words: str) -> list[str]:
        calls = "trace=connect,sendto,sendmsg,sendmmsg,execve"
        watching = ["strace", "-D", "-f", "-q", "-o", str(self.noted), "-e", calls]
        return [*(watching if words[:1] == ("serve",) else []), *super().command(*words)]

    @property
    def noted(self) -> Path:
        return self.folder / "noted"

    def watched(self) -> str:
        """All that was written down, once the daemon has ended."""
        end = time.monotonic() + PATIENCE
        first = self.noted.read_text().partition(" ")[0]
        while not re.search(rf"^{first} +\+\+\+ exited with 0", self.noted.read_text(), re.MULTILINE):
            assert time.monotonic() < end, self.noted.read_text()[-1000:]
            time.sleep(0.05)
        return self.noted.read_text()


@pytest.mark.skipif(not may_watch(), reason="needs strace, and the right to watch a process")
def test_whatever_is_taken_or_refused_nobody_is_written_to(tmp_path):
    there = {f"{domain} MX": ["10 mx.lead.example."] for domain in ("example.org", "lead.example")}
    with NameServer({**there, "mx.lead.example A": ["127.0.0.1"]}) as dns:
        trusting = f'[admission]\nnetworks = ["127.0.0.1/32"]\n[dns]\nservers = ["{dns.place}"]\n'
        relay = Watched(tmp_path / "relay", trusting)
        try:
            relay.start()
            ours = [message(subject=name, fields=fields) for name, fields in ASKING.items()]
            theirs = message("anna@lead.example", "bob@example.org", fields={"Precedence": "bulk"})
            relay.filed(*relay.send(*ours, theirs), *relay.send(theirs, sender=""))
            with smtplib.SMTP(
                timeout=PATIENCE, local_hostname="a.example", source_address=("127.0.0.2", 0)
            ) as stranger:
                stranger.connect("127.0.0.1", relay.port)
                for wrong in ("crn@crm.example.org", CAPTURE):
                    with pytest.raises((smtplib.SMTPRecipientsRefused, smtplib.SMTPDataError)):
                        stranger.sendmail("bob@example.org", [wrong], ours[0])
            relay.verify()
        finally:
            assert relay.stop() == 0
    told = relay.watched()
    ports = set(re.findall(r"sin6?_port=htons\((\d+)\)", told))
    assert ports == {dns.place.rpartition(":")[2]}, "to the name server, whose questions are seen, and to nobody else"
    programs = set(re.findall(r'execve\("([^"]+)"', told))
    assert programs == {sys.executable}, "it starts nothing but itself, so no other program writes for it"
