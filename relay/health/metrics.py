"""Metrics: what was seen, as the text that Prometheus reads (exposition format 0.0.4). Pure.

Each metric is one line of `METRICS`; docs/health.md lists them, which a test holds. What cannot be seen is left
out, never told as zero. No names of people: `staff_id` is what a dashboard joins with.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from relay.meter import BOUNDS

Seen = Mapping[str, Any]
"""What `sight.look` found, with `level` and `now` (seconds since 1970) added."""

Labels = Mapping[str, str]
Sample = tuple[str, Labels, float]
"""(suffix of the name, labels, value)."""

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

LEVELS = {"ok": 0, "warning": 1, "critical": 2, "unknown": 3}
"""Levels as Nagios numbers them."""


@dataclass(frozen=True, slots=True)
class Metric:
    """`kind` is 'gauge', 'counter' or 'histogram'; `samples` gives nothing where there is nothing to be seen."""

    name: str
    kind: str
    doc: str
    samples: Callable[[Seen], Iterable[Sample]]


def _value(key: str, *keys: str) -> Callable[[Seen], Iterator[Sample]]:
    """One sample: the number at `key`, or deeper."""

    def samples(seen: Seen) -> Iterator[Sample]:
        value: Any = seen[key]
        for deeper in keys:
            value = value[deeper]
        if value is not None:
            yield "", {}, float(value)

    return samples


def _time(key: str) -> Callable[[Seen], Iterator[Sample]]:
    def samples(seen: Seen) -> Iterator[Sample]:
        if seen[key] is not None:
            yield "", {}, datetime.fromisoformat(seen[key]).timestamp()

    return samples


def _age(key: str, gate: str) -> Callable[[Seen], Iterator[Sample]]:
    """Seconds since a time, 0 when there is none; nothing when what `gate` names cannot be seen."""

    def samples(seen: Seen) -> Iterator[Sample]:
        if seen[gate] is not None:
            since = seen[key]
            yield "", {}, max(0.0, seen["now"] - datetime.fromisoformat(since).timestamp()) if since else 0.0

    return samples


def _sum(key: str) -> Callable[[Seen], Iterator[Sample]]:
    """A figure of the daemon, or of both where accepting and filing are two."""

    def samples(seen: Seen) -> Iterator[Sample]:
        accepting = [each for each in seen["daemons"] if each["accepts"]]
        if accepting:
            yield "", {}, float(sum(each[key] for each in accepting))

    return samples


def _by(key: str, label: str) -> Callable[[Seen], Iterator[Sample]]:
    def samples(seen: Seen) -> Iterator[Sample]:
        found: dict[str, int] = {}
        for daemon in seen["daemons"]:
            for name, count in daemon[key].items():
                found[name] = found.get(name, 0) + count
        for name, count in found.items():
            yield "", {label: name}, float(count)

    return samples


def _disk(seen: Seen) -> Iterator[Sample]:
    for volume in ("store", "vault"):
        if seen[f"{volume}_free"] is not None:
            yield "", {"volume": volume}, float(seen[f"{volume}_free"])


def _ratio(seen: Seen) -> Iterator[Sample]:
    recent = seen["recent"]
    if recent["messages"]:
        yield "", {}, recent["unresolved"] / recent["messages"]


def _share(key: str) -> Callable[[Seen], Iterator[Sample]]:
    def samples(seen: Seen) -> Iterator[Sample]:
        for row in seen["shares"]:
            yield "", {"staff_id": str(row["staff_id"])}, float(row[key])

    return samples


def _search(seen: Seen) -> Iterator[Sample]:
    if not any(sentence.startswith("search.db") for sentence in seen["not_seen"]):
        yield from _age("search_waits_since", "recent")(seen)


def _expiry(seen: Seen) -> Iterator[Sample]:
    ends = [daemon["certificate_until"] for daemon in seen["daemons"] if daemon["certificate_until"]]
    if ends:
        yield "", {}, min(ends)


def _commits(seen: Seen) -> Iterator[Sample]:
    for daemon in seen["daemons"]:
        if daemon["accepts"] and len(daemon["commits"]) == len(BOUNDS) + 1:
            count = 0
            for bound, number in zip([*map(str, BOUNDS), "+Inf"], daemon["commits"], strict=True):
                count += number
                yield "_bucket", {"le": bound}, float(count)
            yield "_sum", {}, daemon["commit_seconds"]
            yield "_count", {}, float(count)
            return


def _build(seen: Seen) -> Iterator[Sample]:
    for daemon in seen["daemons"]:
        yield "", {"version": daemon["version"]}, 1.0
        return


def _started(seen: Seen) -> Iterator[Sample]:
    if seen["daemons"]:
        yield "", {}, min(each["started_at"] for each in seen["daemons"])


def _level(seen: Seen) -> Iterator[Sample]:
    yield "", {}, float(LEVELS[seen["level"]])


def _snapshot(seen: Seen) -> Iterator[Sample]:
    if seen["snapshots_seen"]:
        yield "", {}, float(max((each["behind"] for each in seen["snapshots"]), default=0))


def _quiet(seen: Seen) -> Iterator[Sample]:
    yield "", {}, float(len(seen["quiet"]))


def _exposed(seen: Seen) -> Iterator[Sample]:
    if seen["addresses_seen"] is not None:
        yield "", {}, float(len(seen["addresses_seen"]))


METRICS = (
    Metric("bcc_relay_health_level", "gauge", "What status says: 0 ok, 1 warning, 2 critical, 3 unknown", _level),
    Metric("bcc_relay_accepting", "gauge", "1 if a daemon accepts mail", _value("accepting")),
    Metric("bcc_relay_filing", "gauge", "1 if a filer files mail", _value("filing")),
    Metric("bcc_relay_backlog_messages", "gauge", "Accepted mail that is not filed yet", _value("backlog")),
    Metric(
        "bcc_relay_backlog_age_seconds",
        "gauge",
        "How long the oldest mail of the backlog has waited, 0 without one",
        _age("oldest_waiting_at", "backlog"),
    ),
    Metric(
        "bcc_relay_last_capture_timestamp_seconds",
        "gauge",
        "When the newest filed mail was accepted",
        _time("last_capture_at"),
    ),
    Metric("bcc_relay_messages", "gauge", "Messages in the database, above 100000 about", _value("messages")),
    Metric(
        "bcc_relay_unresolved_messages", "gauge", "Mail that waits for a person, at most 5001", _value("unresolved")
    ),
    Metric(
        "bcc_relay_recent_messages",
        "gauge",
        "Messages of the last 30 days, at most the newest 5000",
        _value("recent", "messages"),
    ),
    Metric(
        "bcc_relay_recent_unresolved_messages",
        "gauge",
        "Of the recent messages, those on no lead that wait for a person",
        _value("recent", "unresolved"),
    ),
    Metric("bcc_relay_recent_unresolved_ratio", "gauge", "Unresolved among the recent messages, 0 to 1", _ratio),
    Metric(
        "bcc_relay_recent_unparsed_messages", "gauge", "Mail of the last day that could not be read", _value("unparsed")
    ),
    Metric("bcc_relay_leads", "gauge", "Leads, above 100000 about", _value("leads")),
    Metric("bcc_relay_staff", "gauge", "Our people who have not left", _value("staff")),
    Metric("bcc_relay_staff_quiet", "gauge", "Of them, those who handed in mail regularly and stopped", _quiet),
    Metric(
        "bcc_relay_staff_addresses_seen",
        "gauge",
        "Of them, those whose personal address outsiders have read; to be replaced",
        _exposed,
    ),
    Metric(
        "bcc_relay_staff_mail_here_messages",
        "gauge",
        "Recent mail of a colleague to leads that is here",
        _share("here"),
    ),
    Metric(
        "bcc_relay_staff_mail_missing_messages",
        "gauge",
        "Recent mail of a colleague that a lead answered and that never came here",
        _share("missing"),
    ),
    Metric("bcc_relay_search_lag_seconds", "gauge", "How far search is behind", _search),
    Metric("bcc_relay_store_bytes", "gauge", "Size of relay.db", _value("store_size")),
    Metric("bcc_relay_store_wal_bytes", "gauge", "Size of the write-ahead log of relay.db", _value("wal_size")),
    Metric(
        "bcc_relay_held_snapshot_bytes",
        "gauge",
        "What was written since the oldest read that a program keeps open, 0 without one",
        _snapshot,
    ),
    Metric("bcc_relay_search_bytes", "gauge", "Size of search.db with its log", _value("search_size")),
    Metric("bcc_relay_vault_bytes", "gauge", "Size of the vault", _value("vault_size")),
    Metric("bcc_relay_vault_segments", "gauge", "Files of the vault", _value("vault_segments")),
    Metric("bcc_relay_disk_free_bytes", "gauge", "Free space where the store and the vault are", _disk),
    Metric("bcc_relay_build_info", "gauge", "1, with the version of the running daemon", _build),
    Metric("bcc_relay_start_timestamp_seconds", "gauge", "When the daemon started", _started),
    Metric("bcc_relay_sessions_open", "gauge", "Connections open now", _sum("sessions_open")),
    Metric("bcc_relay_sessions_total", "counter", "Connections since the start", _sum("sessions")),
    Metric("bcc_relay_accepted_messages_total", "counter", "Mail accepted since the start", _sum("accepted")),
    Metric("bcc_relay_accepted_bytes_total", "counter", "Octets of it", _sum("octets")),
    Metric(
        "bcc_relay_replies_total",
        "counter",
        "Replies to clients by the class of their code; 4xx and 5xx are refusals",
        _by("replies", "code_class"),
    ),
    Metric("bcc_relay_commit_duration_seconds", "histogram", "How long commits of the vault took", _commits),
    Metric("bcc_relay_commit_failures_total", "counter", "Commits of the vault that failed", _sum("commit_failures")),
    Metric("bcc_relay_commit_wait_seconds", "gauge", "How long the commit under way takes", _sum("commit_waits")),
    Metric("bcc_relay_mail_memory_bytes", "gauge", "Memory that mail coming in holds or has reserved", _sum("memory")),
    Metric(
        "bcc_relay_refusals_total",
        "counter",
        "Mail and recipients that were refused or put off since the start, by reason",
        _by("refusals", "reason"),
    ),
    Metric(
        "bcc_relay_dns_faults_total",
        "counter",
        "Mail of which DNS did not answer everything since the start, by whether it was put off for it",
        _by("dns_faults", "outcome"),
    ),
    Metric("bcc_relay_certificate_expiry_timestamp_seconds", "gauge", "When the certificate expires", _expiry),
    Metric(
        "bcc_relay_process_restarts_total",
        "counter",
        "Deaths of the processes beside the daemon since the start",
        _by("restarts", "process"),
    ),
)


def exposition(seen: Seen) -> str:
    """The text of a scrape. Metrics without a sample are left out."""
    lines: list[str] = []
    for metric in METRICS:
        samples: list[Sample] = []
        with contextlib.suppress(KeyError):  # the database cannot be read: only the level is known
            samples = list(metric.samples(seen))
        if samples:
            lines.append(f"# HELP {metric.name} {_escaped(metric.doc)}")
            lines.append(f"# TYPE {metric.name} {metric.kind}")
            lines += [f"{metric.name}{suffix}{_labels(labels)} {_number(value)}" for suffix, labels, value in samples]
    return "\n".join(lines) + "\n"


def _labels(labels: Labels) -> str:
    told = ",".join(f'{name}="{_escaped(value, quotes=True)}"' for name, value in labels.items())
    return f"{{{told}}}" if told else ""


def _escaped(text: str, *, quotes: bool = False) -> str:
    text = text.replace("\\", "\\\\").replace("\n", "\\n")
    return text.replace('"', '\\"') if quotes else text


def _number(value: float) -> str:
    return str(int(value)) if value.is_integer() else repr(value)
