"""What stands in the way of a start is one line, exit status 1, and known to systemd; nothing is left behind."""

from __future__ import annotations

import os
import socket
import subprocess

import pytest
from notified import Systemd
from running import PATIENCE, Relay


def refused(relay: Relay, systemd: Systemd, *options: str) -> str:
    done = subprocess.run(
        relay.command("serve", *options),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        env={**os.environ, **systemd.environment},
    )
    assert (done.returncode, done.stdout) == (1, ""), done
    [*log, line] = done.stderr.splitlines()
    assert line.startswith("bcc-relay: "), done.stderr
    assert not [told for told in log if "level=error" in told or "Traceback" in told]
    return line


@pytest.fixture
def relay(relay_running) -> Relay:
    return relay_running(start=False)


def put(relay: Relay, old: str, new: str) -> None:
    text = relay.file.read_text()
    assert old in text
    relay.file.write_text(text.replace(old, new))


def test_a_port_in_use(relay: Relay, systemd: Systemd) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        put(relay, "127.0.0.1:0", f"127.0.0.1:{port}")
        line = refused(relay, systemd)
    assert f"cannot listen on 127.0.0.1:{port}: another program does" in line
    assert systemd.until("STATUS=stopped: ") == f"STATUS=stopped: {line.removeprefix('bcc-relay: ')}"
    assert "READY=1" not in systemd.heard


def test_a_port_in_use_for_the_metrics(relay: Relay, systemd: Systemd) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        put(relay, "[company]", f'[health]\nlisten = "127.0.0.1:{port}"\n[company]')
        assert f"127.0.0.1:{port}" in refused(relay, systemd)
    assert "READY=1" not in systemd.heard


def test_a_folder_that_is_not_there(relay: Relay, systemd: Systemd) -> None:
    put(relay, "shared/relay.db", "nowhere/relay.db")
    assert "the folder " in refused(relay, systemd)
    systemd.until("STATUS=stopped: ")
    put(relay, "nowhere/relay.db", "shared/relay.db")


def test_a_configuration_with_mistakes(relay: Relay, systemd: Systemd) -> None:
    put(relay, "[company]", "[compny]")
    done = subprocess.run(relay.command("serve"), capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "there is no section [compny]; did you mean [company]?" in done.stderr
