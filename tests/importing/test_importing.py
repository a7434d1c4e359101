"""`import` as an operator uses it: beside a daemon and without one, again and again, killed at any moment."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

from mailbuilder import message
from running import CAPTURE, PATIENCE, Relay, _environment

from relay.vault.reader import Reader

FORWARD = (
    "please call him\n\n---------- Forwarded message ---------\nFrom: Max <max@x.example>\n"
    "Date: Wed, Oct 27, 2021 at 9:31 AM\nSubject: Question\nTo: <bob@example.org>\n\nhi\n"
)
COUNTS = "SELECT (SELECT count(*) FROM message), (SELECT count(*) FROM envelope), (SELECT count(*) FROM _imported)"


def mbox(path: Path, *mails: bytes, at: str = "Mon Mar  2 10:15:00 2020") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    quoted = (re.sub(rb"(?m)^(>*From )", rb">\1", mail.replace(b"\r\n", b"\n")) for mail in mails)
    path.write_bytes(b"".join(f"From - {at}\n".encode() + mail + b"\n" for mail in quoted))
    return path


def many(count: int, start: int = 0) -> list[bytes]:
    return [
        message(message_id=f"<{number}@example.org>", subject=f"Offer {number}", text=f"number {number}\n" * 20)
        for number in range(start, start + count)
    ]


def brought(relay: Relay, *words: str | Path, status: int = 0) -> dict[str, object]:
    return json.loads(relay.say("import", "--json", *map(str, words), status=status))


def begun(relay: Relay, path: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        relay.command("import", str(path)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=_environment()
    )


def test_a_mailbox_is_filed_as_what_it_is_and_the_same_again_brings_nothing(relay: Relay, tmp_path: Path) -> None:
    relay.say("staff", "add", "Bob", "bob@example.org")
    relay.say("lead", "add", "Anna", "anna@lead.example")
    box = tmp_path / "Mail"
    sent = message(message_id="<1@example.org>", subject="Offer")
    inbox = [
        sent,  # All mail has it too, with other labels
        message(from_="anna@lead.example", to="bob@example.org", subject="Re: Offer", message_id="<2@lead.example>"),
        message(text=FORWARD, subject="Fwd: Question", message_id="<3@example.org>"),
        message(date=None, subject="undated", message_id="<4@example.org>"),
        message(subject="prize", fields={"X-Gmail-Labels": "Spam"}, message_id="<5@x.example>"),
        b"this is no mail\n",
    ]
    mbox(box / "All mail.mbox", *inbox)
    mbox(box / "Sent", b"X-Mozilla-Status: 0001\n" + sent, message(from_="Bob <bob@home.example>", subject="from home"))
    (box / "Drafts").mkdir()
    (box / "Drafts" / "d.eml").write_bytes(message(subject="draft"))

    assert "Nobody" in relay.say("import", "--staff", "Nobody", str(tmp_path), status=1)
    before = relay.say("import", "--dry-run", "--staff", "Bob", str(box), status=1)
    assert "5 mails would be taken" in before
    assert relay.sql(COUNTS) == [[0, 0, 0]]

    told = brought(relay, "--staff", "bob@example.org", box, status=1)
    assert (told["taken"], told["already_here"], told["left_out"]) == (5, 1, {"draft": 1, "spam": 1})
    assert told["unknown_authors"] == {"bob@home.example": 1}
    [damaged] = told["damaged"]
    assert re.fullmatch(r".*/All mail\.mbox, at octet \d+", damaged["place"])
    assert damaged["why"].startswith("no header")
    assert relay.sql(
        "SELECT m.subject, m.direction, e.route, e.admitted_by, e.staff_id FROM message m"
        " JOIN envelope e ON e.message_id = m.id ORDER BY m.subject"
    ) == [
        ["Fwd: Question", "outgoing", "import", "import", 1],
        ["Offer", "outgoing", "import", "import", 1],
        ["Re: Offer", "incoming", "import", "import", 1],
        ["from home", "incoming", "import", "import", 1],
        ["undated", "outgoing", "import", "import", 1],
    ]
    assert relay.sql("SELECT originated_at, date_source FROM message WHERE subject = 'undated'") == [
        ["2020-03-02T10:15:00.000Z", "received"]
    ]
    assert relay.sql("SELECT count(*) FROM lead_timeline WHERE lead_id = 1") == [[5]]
    assert "as import for" in relay.say("explain", "<1@example.org>")
    original = relay.say("raw", "<2@lead.example>")
    assert original.replace("\r\n", "\n") == inbox[1].decode().replace("\r\n", "\n")

    again = brought(relay, "--staff", "Bob", box, status=1)
    assert (again["taken"], again["already_here"]) == (0, 6)
    assert brought(relay, "--all", "--staff", "Bob", box, status=1)["taken"] == 2
    assert relay.sql(COUNTS) == [[7, 7, 7]]
    assert str(tmp_path) not in "".join(map(str, relay.sql("SELECT client, reverse_path FROM envelope")))
    relay.send(sent)  # and the copy that the rep's client sends once more is the same message
    relay.until("SELECT count(*) = 8 FROM envelope")
    assert relay.sql(COUNTS) == [[7, 8, 7]]
    relay.say("rebuild", "--verify")


def test_killed_at_any_moment_and_run_again_each_mail_is_here_once(relay: Relay, tmp_path: Path) -> None:
    box = mbox(tmp_path / "box", *many(250))
    killed = 0
    for seen in (1, 150):
        running = begun(relay, box)
        relay.until(f"SELECT count(*) >= {seen} FROM message")
        killed += running.poll() is None
        running.kill()
        running.communicate()
    assert killed, "it was never caught at work"
    assert brought(relay, box)["damaged_count"] == 0
    assert relay.sql(COUNTS) == [[250, 250, 250]]
    assert relay.sql("SELECT count(*) FROM _vault_outcome") == [[250]], "and the vault has each once"


def test_without_a_daemon_it_files_too_stops_cleanly_and_goes_on_where_it_was(relay_running, tmp_path: Path) -> None:
    relay = relay_running()
    relay.stop()
    box = mbox(tmp_path / "box", *many(500))
    running = begun(relay, box)
    relay.until("SELECT count(*) >= 1 FROM message")
    running.kill()  # at any moment: what it handed over is filed by the next run, before it reads
    running.communicate()
    with Reader(relay.vault) as reader:
        handed_over = sum(1 for _ in reader.ids())

    running = begun(relay, box)
    relay.until("SELECT count(*) >= 100 AND count(*) > ? FROM message", handed_over)
    running.send_signal(signal.SIGSTOP)
    assert "another import is running" in relay.say("import", str(box), status=1)
    running.send_signal(signal.SIGINT)
    running.send_signal(signal.SIGCONT)
    said, _ = running.communicate(timeout=PATIENCE)
    assert running.returncode == 130, said
    assert b"run the same command again to go on" in said
    [[here, *_]] = relay.sql(COUNTS)
    assert 100 <= here < 500

    told = brought(relay, box)
    assert (told["taken"], told["already_here"]) == (500 - here, 0), "what was read is not read again"
    told = brought(relay, box, mbox(tmp_path / "more", *many(10, 495)))
    assert (told["taken"], told["already_here"]) == (5, 505), "after the end it begins at the start"
    assert relay.sql(COUNTS) == [[505, 505, 505]]
    assert "Offer 504" in relay.say("search", "Offer"), "found as soon as the command ends"


def test_no_other_client_can_say_that_its_mail_is_an_import(relay_running, tmp_path: Path) -> None:
    folder = Path("/tmp") / f"import-{os.getpid()}-{time.monotonic_ns()}"
    folder.mkdir()
    try:
        relay = relay_running(f'[capture]\nlmtp = "{folder}/s"\n'.replace("[capture]\n", ""), start=False)
        text = relay.file.read_text().replace("addresses", f'lmtp = "{folder}/s"\naddresses', 1)
        relay.file.write_text(
            text.replace(f'[vault]\npath = "vault"\nlmtp = "{folder}/s"\n', '[vault]\npath = "vault"\n')
        )
        relay.start()
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(f"{folder}/s")
            replies = client.makefile("rb")
            replies.readline()
            client.sendall(b"LHLO import\r\n")
            while replies.readline()[3:4] == b"-":
                pass
            client.sendall(b"MAIL FROM:<> XDATED=1\r\n")
            assert replies.readline().startswith(b"555")
            lines = b"MAIL FROM:<>", f"RCPT TO:<{CAPTURE}>".encode(), b"DATA", message() + b"."
            for line in lines:
                client.sendall(line + b"\r\n")
                assert replies.readline()[:1] in (b"2", b"3")
        relay.until("SELECT count(*) FROM envelope")
        assert relay.sql("SELECT route, admitted_by FROM envelope") == [["bcc", "lmtp"]]
        assert oct((relay.vault / "import.sock").stat().st_mode & 0o777) == "0o600"
        assert oct(relay.vault.stat().st_mode & 0o777) == "0o700", "nobody else reaches the socket"
        relay.stop()
        assert not (relay.vault / "import.sock").exists()
    finally:
        (folder / "s").unlink(missing_ok=True)
        folder.rmdir()
