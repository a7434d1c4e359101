"""The units as systemd reads them: without complaint, and closed as far as they can be."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from relay import __version__
from relay.config.near import SECTIONS

ROOT = Path(__file__).parents[2]
UNITS = ROOT / "systemd"
SERVICES = sorted(path.name for path in UNITS.glob("*.service"))

needs_systemd = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """A copy whose commands are there: systemd looks whether they can be executed."""
    for unit in UNITS.glob("*.*"):
        if unit.suffix in (".service", ".socket", ".timer"):
            text = unit.read_text().replace("/usr/local/bin/bcc-relay", sys.executable)
            (tmp_path / unit.name).write_text(text)
    return tmp_path


@needs_systemd
def test_systemd_has_nothing_to_say_about_the_units(units: Path) -> None:
    told = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *map(str, sorted(units.iterdir()))], capture_output=True, text=True
    )
    assert (told.returncode, told.stdout, told.stderr) == (0, "", "")


@needs_systemd
@pytest.mark.parametrize("service", SERVICES)
def test_the_services_are_exposed_no_more_than_they_must_be(units: Path, service: str) -> None:
    told = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", str(units / service)], capture_output=True, text=True
    )
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", told.stdout)
    assert found, told.stderr
    # Who reads what strangers wrote has no network; the maintenance reads it too.
    assert float(found[1]) <= (1.2 if service == "bcc-relay.service" else 0.5)


def test_every_unit_is_installed_packaged_and_removed() -> None:
    names = {unit.name for unit in UNITS.glob("*.*") if unit.suffix in (".service", ".socket", ".timer")}
    for script in ("install", "package"):
        text = (ROOT / "scripts" / script).read_text()
        assert {name for name in names if name in text} == names, script


def test_sockets_have_the_names_that_the_daemon_looks_for() -> None:
    named = {
        unit.name: re.search(r"^FileDescriptorName=(.*)$", unit.read_text(), re.MULTILINE)[1]
        for unit in UNITS.glob("*.socket")
    }
    assert named == {
        "bcc-relay.socket": "smtp",
        "bcc-relay-lmtp.socket": "lmtp",
        "bcc-relay-submissions.socket": "submissions",
    }


def settings(unit: str) -> dict[str, list[str]]:
    """Key -> values, of all sections."""
    found: dict[str, list[str]] = {}
    for key, value in re.findall(r"^(\w+)=(.*)$", (UNITS / unit).read_text(), re.MULTILINE):
        found.setdefault(key, []).append(value)
    return found


def test_sockets_are_made_for_smtp_smtp_inside_tls_and_lmtp() -> None:
    listening = {unit.name: settings(unit.name)["ListenStream"] for unit in UNITS.glob("*.socket")}
    assert listening == {
        "bcc-relay.socket": ["25"],
        "bcc-relay-submissions.socket": ["465"],
        "bcc-relay-lmtp.socket": ["/run/bcc-relay/lmtp.sock"],
    }


def test_the_shared_folder_is_setgid_and_secrets_come_as_the_credentials_that_the_configuration_looks_for() -> None:
    accepting = settings("bcc-relay.service")
    loaded = [each.partition(":") for each in accepting["LoadCredential"]]
    looked_for = {f"{section}.{name}" for section in SECTIONS for name in SECTIONS[section]
                  if SECTIONS[section][name].metadata["credential"]}  # fmt: skip
    assert {name for name, _, _ in loaded} == looked_for
    assert all(source == f"bcc-relay.{name}" for name, _, source in loaded)
    shared = re.findall(r"^d (\S+shared) (\d+) ", (UNITS / "tmpfiles.d" / "bcc-relay.conf").read_text(), re.MULTILINE)
    assert shared == [("/var/lib/bcc-relay/shared", "2770")]


def test_who_reads_what_strangers_wrote_has_no_network() -> None:
    filer = settings("bcc-relay-filer.service")
    assert filer["ExecStart"][0].endswith("bcc-relay serve --only file")
    assert (filer["PrivateNetwork"], filer["RestrictAddressFamilies"]) == (["yes"], ["AF_UNIX"])
    assert settings("bcc-relay.service")["ExecStart"][0].endswith("bcc-relay serve --only accept")


def test_the_halves_come_and_go_together_and_who_files_knows_a_new_configuration_first() -> None:
    filer, accepting = settings("bcc-relay-filer.service"), settings("bcc-relay.service")
    assert filer["PartOf"] == filer["Before"] == ["bcc-relay.service"]
    assert "bcc-relay-filer.service" in accepting["Wants"][0].split()
    for key in ("User", "Group", "UMask", "StateDirectory", "StateDirectoryMode"):
        assert filer[key] == accepting[key]


def test_neither_half_is_given_up_for_good() -> None:
    for unit in ("bcc-relay.service", "bcc-relay-filer.service"):
        assert (settings(unit)["Restart"], settings(unit)["StartLimitIntervalSec"]) == (["always"], ["0"])


def test_systemd_waits_for_both_halves_watches_them_and_starts_maintenance_by_a_timer() -> None:
    for unit in ("bcc-relay.service", "bcc-relay-filer.service"):
        assert settings(unit)["Type"] == ["notify"]
        assert 0 < int(settings(unit)["WatchdogSec"][0]) <= 60
    assert settings("bcc-relay-maintain.service")["ExecStart"][0].endswith("bcc-relay maintain")
    timer = settings("bcc-relay-maintain.timer")
    assert timer["Persistent"] == ["true"], "a night in which the machine was off is made up for"
    assert timer.get("Unit", ["bcc-relay-maintain.service"]) == ["bcc-relay-maintain.service"]
    assert timer["OnCalendar"]
    assert timer["WantedBy"] == ["timers.target"]


@pytest.mark.skipif(not shutil.which("systemd-sysusers"), reason="needs systemd-sysusers")
def test_user_and_groups_are_made(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    made = subprocess.run(
        ["systemd-sysusers", f"--root={tmp_path}", str(UNITS / "sysusers.d/bcc-relay.conf")],
        capture_output=True,
        text=True,
    )
    if made.returncode:
        pytest.skip(f"systemd-sysusers: {made.stderr}")
    assert "bcc-relay:" in (tmp_path / "etc/passwd").read_text()
    assert {line.split(":")[0] for line in (tmp_path / "etc/group").read_text().splitlines()} >= {
        "bcc-relay",
        "bcc-relay-mta",
    }


@pytest.mark.parametrize("script", ["install", "package", "container", "try-install", "placing"])
def test_scripts_are_read_by_a_plain_shell(script: str) -> None:
    told = subprocess.run(["sh", "-n", str(ROOT / "scripts" / script)], capture_output=True, text=True)
    assert (told.returncode, told.stderr) == (0, "")


SET_IN_SHELL = re.compile(r"^\s*(?:for )?([a-z_]+)(?:=| in )", re.MULTILINE)


@pytest.mark.parametrize(
    "script",
    sorted(p.name for p in (ROOT / "scripts").glob("*") if p.is_file() and ". scripts/environment" in p.read_text()),
)
def test_no_script_loses_a_variable_to_the_environment_that_it_sources(script: str) -> None:
    """try-install once put its machine into .venv, for both had called their folder by one name."""
    theirs = set(SET_IN_SHELL.findall((ROOT / "scripts/environment").read_text())) - {"python"}
    assert {"place", "wanted", "system"} <= theirs
    assert not theirs & set(SET_IN_SHELL.findall((ROOT / "scripts" / script).read_text()))


def test_the_installer_says_in_one_line_what_is_wrong() -> None:
    told = subprocess.run(["sh", str(ROOT / "scripts/install"), "--nonsense"], capture_output=True, text=True)
    assert (told.returncode, told.stdout) == (1, "")
    assert told.stderr == "bcc-relay: no such option: --nonsense (see sh scripts/install --help)\n"
    told = subprocess.run(["sh", str(ROOT / "scripts/install"), "--help"], capture_output=True, text=True)
    assert "--remove" in told.stdout


def test_the_version_is_the_same_wherever_it_stands() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == __version__
