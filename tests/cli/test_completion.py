"""What a shell offers when a person presses Tab: commands, leads by their addresses, colleagues by name."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from relay.cli.completing import SHELLS


def offered(folder, *words: str) -> list[str]:
    """The words that bash would offer for the last of `words`, asked as click's script asks."""
    line = ["bcc-relay", *words]
    environment = {
        **os.environ,
        "_BCC_RELAY_COMPLETE": "bash_complete",
        "COMP_WORDS": "\n".join(line),
        "COMP_CWORD": str(len(line) - 1),
    }
    command = [sys.executable, "-c", "import sys; sys.argv[0] = 'bcc-relay'; from relay.__main__ import main; main()"]
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True)
    assert done.stderr == ""
    return [line.partition(",")[2] for line in done.stdout.splitlines() if line]


@pytest.mark.parametrize("shell", SHELLS)
def test_each_shell_gets_a_script_that_it_can_read(shell, relay_running):
    script = relay_running(start=False).run("completion", shell)
    assert "_BCC_RELAY_COMPLETE" in script
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=script, text=True, check=True)


def test_commands_and_their_options_are_completed(tmp_path):
    assert "timeline" in offered(tmp_path, "time")
    assert "--json" in offered(tmp_path, "status", "--j")


def test_leads_are_completed_by_address_and_colleagues_by_name(relay_running):
    relay = relay_running(start=False)
    relay.run("lead", "add", "Anna", "anna@customer.example")
    relay.run("staff", "add", "Bob Baker", "bob@example.org")
    assert offered(relay.folder, "timeline", "ann") == ["anna@customer.example"]
    assert offered(relay.folder, "timeline", "zz") == []
    assert offered(relay.folder, "staff", "leave", "Bo") == ["Bob Baker"]


def test_without_a_database_or_with_a_broken_configuration_nothing_is_offered_and_nothing_said(tmp_path):
    (tmp_path / "bcc-relay.toml").write_text("nonsense = [")
    assert offered(tmp_path, "timeline", "a") == []
