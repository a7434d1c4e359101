"""`config check`, `show` and `example` as a person at a terminal and a program meet them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from relay.config.sample import MARK, reference

ROOT = Path(__file__).parents[2]
FILE = """[capture]
hostname = "crm.example.org"
addresses = ["crm@crm.example.org"]
[[admission.upstream]]
networks = ["192.0.2.1"]
"""


@pytest.fixture
def run(tmp_path):
    (tmp_path / "bcc-relay.toml").write_text(FILE)
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "size.toml").write_text('[capture]\nmax_size = "1.5 MiB"\n')

    def run(*words: str, status: int = 0, **environment: str) -> tuple[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("BCC_RELAY")}
        done = subprocess.run(
            [sys.executable, "-m", "relay", *words],
            cwd=tmp_path,
            env={**kept, "PYTHONPATH": str(ROOT), **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == status, done
        return done.stdout, done.stderr

    return run


def test_each_value_is_shown_with_its_origin(run, tmp_path):
    given = tmp_path / "credentials"
    given.mkdir()
    for name in ("tls.key", "tls.certificate"):
        (given / name).touch()
    variables = {"BCC_RELAY__LIMITS__CONNECTIONS": "7", "CREDENTIALS_DIRECTORY": str(given)}
    lines = run("config", "show", "--origin", **variables)[0].splitlines()
    told = {line.split(" = ")[0]: line.rpartition("  # ")[2] for line in lines if " = " in line}
    assert told["hostname"] == "bcc-relay.toml:2"
    assert told["max_size"] == "conf.d/size.toml:2"
    assert told["connections"] == "BCC_RELAY__LIMITS__CONNECTIONS"
    assert told["key"] == "credential tls.key"
    assert told["backlog_warning"] == "default"
    assert "#lmtp =" in [line.partition("  ")[0] for line in lines]


def test_what_is_shown_is_a_configuration_that_says_the_same(run, tmp_path):
    shown, _ = run("config", "show")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "again.toml").write_text(shown)
    assert run("-c", "elsewhere/again.toml", "config", "show")[0] == shown


def test_programs_get_the_same_in_json_with_the_keys_that_reload(run):
    rows = {row["key"]: row for row in json.loads(run("config", "show", "--json")[0])}
    origin = "conf.d/size.toml:2"
    assert rows["capture.max_size"] == {
        "key": "capture.max_size",
        "value": "1536 KiB",
        "origin": origin,
        "reload": True,
    }
    assert rows["capture.lmtp"] == {"key": "capture.lmtp", "value": None, "origin": "default", "reload": False}
    assert rows["admission.upstream"]["value"][0]["networks"] == ["192.0.2.1/32"]
    assert rows["limits.connections"]["value"] == 512


def test_check_names_the_files_it_read(run):
    said, _ = run("config", "check")
    assert said.splitlines() == ["ok: bcc-relay.toml", "ok: conf.d/size.toml"]


def test_check_tells_every_mistake_of_all_files_and_variables(run, tmp_path):
    (tmp_path / "conf.d" / "size.toml").write_text('[capture]\nmax_size = "much"\nlistn = []\n')
    out, err = run("config", "check", status=1, BCC_RELAY__LOG__LEVEL="loud")
    assert out == ""
    places = [line.partition(": ")[0] for line in err.removeprefix("bcc-relay: ").splitlines()]
    assert places == ["conf.d/size.toml:2", "conf.d/size.toml:3", "BCC_RELAY__LOG__LEVEL"]


def test_the_example_is_the_sample_of_the_repository(run):
    assert run("config", "example")[0] == (ROOT / "config" / "bcc-relay.toml").read_text(encoding="utf-8")


def test_the_manual_has_every_key():
    text = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    assert text.partition(MARK)[2] == f"\n\n{reference()}", "run scripts/make_configuration_docs.py"
