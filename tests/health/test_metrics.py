"""Metrics: what Prometheus reads, documented and alerted on."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from relay.health.figures import Figures
from relay.health.metrics import METRICS, Seen, exposition

ROOT = Path(__file__).parents[2]
RULES = ROOT / "config" / "prometheus" / "bcc-relay.rules.yml"
DOC = (ROOT / "docs" / "health.md").read_text("utf-8")

DAEMON: dict[str, Any] = asdict(
    Figures(
        '1.0 "x"\\\n', 7, 1000.0, 2000.0, accepts=True, files=True, sessions_open=2, sessions=9, accepted=5, octets=999,
        replies={"2xx": 50, "4xx": 1, "5xx": 2}, commits=[1, 2, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1], commit_seconds=12.5,
        refusals={"not-proved": 3}, dns_faults={"put-off": 2}, restarts={"filer": 1}, restarts_recent={"filer": 1}, certificate_until=5000.0,
    )
)  # fmt: skip
SEEN: dict[str, Any] = {
    "accepting": True, "filing": True, "backlog": 3, "oldest_waiting_at": "1970-01-01T00:33:00.000Z", "store_free": 5, "vault_free": 6,
    "wal_size": 7, "messages": 10, "unresolved": 1, "unparsed": 0, "leads": 2, "staff": 3, "last_capture_at": "1970-01-01T00:30:00.500Z",
    "store": "/x/relay.db", "store_size": 8, "search_size": 9, "vault_size": 10, "vault_segments": 1, "search_waits_since": None,
    "snapshots": [], "snapshots_seen": True, "quiet": [], "addresses_seen": [], "shares": [{"staff_id": 4, "name": "Bob", "here": 8, "missing": 2}],
    "daemons": [DAEMON], "not_seen": [], "recent": {"since": "1970-01-01T00:00:00.000Z", "messages": 8, "unresolved": 2},
    "level": "ok", "problems": [], "now": 2000.0,
}  # fmt: skip


def parsed(seen: Seen) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """(name, labels) -> value, as Prometheus' own Python client reads it."""
    parser = pytest.importorskip("prometheus_client.parser", reason="prometheus_client is not installed")
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in parser.text_string_to_metric_families(exposition(seen))
        for sample in family.samples
    }


def test_a_real_parser_reads_what_we_say() -> None:
    found = parsed(SEEN)
    assert found["bcc_relay_backlog_age_seconds", ()] == 20
    assert found["bcc_relay_last_capture_timestamp_seconds", ()] == 1800.5
    assert found["bcc_relay_recent_unresolved_ratio", ()] == 0.25
    assert found["bcc_relay_disk_free_bytes", (("volume", "vault"),)] == 6
    assert found["bcc_relay_replies_total", (("code_class", "5xx"),)] == 2
    assert found["bcc_relay_refusals_total", (("reason", "not-proved"),)] == 3
    assert found["bcc_relay_dns_faults_total", (("outcome", "put-off"),)] == 2
    assert found["bcc_relay_commit_duration_seconds_bucket", (("le", "0.0025"),)] == 3
    assert found["bcc_relay_commit_duration_seconds_bucket", (("le", "+Inf"),)] == 5
    assert found["bcc_relay_commit_duration_seconds_count", ()] == 5
    assert found["bcc_relay_staff_mail_missing_messages", (("staff_id", "4"),)] == 2
    assert found["bcc_relay_build_info", (("version", '1.0 "x"\\\n'),)] == 1
    assert {name for name, _ in found} >= {m.name for m in METRICS if m.kind != "histogram"}, "none is forgotten"


def test_what_cannot_be_seen_is_left_out_and_not_zero() -> None:
    unseen = dict.fromkeys(("accepting", "filing", "backlog", "vault_size", "vault_segments", "vault_free"))
    found = parsed(
        {**SEEN, **unseen, "daemons": [], "not_seen": ["search.db: no right to look there"], "snapshots_seen": False}
    )
    names = {name for name, _ in found}
    assert names.isdisjoint(
        {f"bcc_relay_{name}" for name in (
            "accepting", "backlog_messages", "backlog_age_seconds", "vault_bytes", "sessions_total", "search_lag_seconds",
            "held_snapshot_bytes", "commit_duration_seconds_count", "start_timestamp_seconds",
        )}
    )  # fmt: skip
    assert "bcc_relay_messages" in names


def test_a_database_that_cannot_be_read_still_gives_its_level() -> None:
    assert parsed({"level": "critical", "problems": ["x"], "now": 1.0}) == {("bcc_relay_health_level", ()): 2}


def test_no_names_of_people_are_in_the_metrics() -> None:
    assert "Bob" not in exposition(
        {**SEEN, "quiet": [{"staff_id": 4, "name": "Bob", "last_at": "1970-01-01T00:00:00.000Z"}]}
    )


def test_names_have_units_and_counters_end_in_total() -> None:
    for metric in METRICS:
        assert re.fullmatch(r"bcc_relay_[a-z_]+", metric.name)
        assert metric.name.endswith("_total") == (metric.kind == "counter"), metric.name
        assert metric.doc


def test_every_metric_is_documented_and_the_other_way_round() -> None:
    rows = re.findall(r"^\| `(bcc_relay_\w+)` \| (\w+) \| (.+) \|$", DOC, re.MULTILINE)
    assert rows == [(m.name, m.kind, m.doc) for m in METRICS]


def test_every_alert_is_documented_and_the_other_way_round() -> None:
    rules = RULES.read_text("utf-8")
    alerts = re.findall(r"- alert: (\w+)", rules)
    severities = re.findall(r"severity: (page|ticket|info)$", rules, re.MULTILINE)
    assert re.findall(r"^\| `(\w+)` \| (page|ticket|info) \| .+ \|$", DOC, re.MULTILINE) == list(
        zip(alerts, severities, strict=True)
    )


def test_alerts_ask_for_metrics_that_there_are() -> None:
    known = {m.name for m in METRICS} | {f"{m.name}_bucket" for m in METRICS if m.kind == "histogram"}
    asked = set(re.findall(r"bcc_relay_\w+", RULES.read_text("utf-8")))
    assert asked
    assert asked <= known


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool (Debian: prometheus) is not installed")
def test_promtool_finds_no_fault_with_rules_and_metrics() -> None:
    subprocess.run(["promtool", "check", "rules", str(RULES)], check=True, capture_output=True)
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=exposition(SEEN), text=True, capture_output=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_thresholds_in_the_page_are_those_of_the_program() -> None:
    from relay.config.settings import Health
    from relay.health import judgement

    limits = Health()
    assert (limits.backlog_warning, limits.backlog_critical) == (300, 3600)
    assert (limits.disk_warning, limits.disk_critical) == (1 << 30, 512 << 20)
    assert (judgement.WAL_WARNING, judgement.SEARCH_WARNING) == (256 << 20, 300)
    assert (judgement.RESTARTS_WARNING, judgement.COMMIT_CRITICAL) == (3, 30)
    for said in (
        "| 5 min | 1 h |",
        "| 1 GiB | 512 MiB |",
        "| 256 MiB | |",
        "| search is behind | 5 min |",
        "| 3 | |",
        "| 30 s |",
    ):
        assert said in DOC
