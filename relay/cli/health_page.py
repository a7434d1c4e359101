"""The pages of `status`: for a person, and for Nagios. Pure: what was seen in, lines out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from relay.cli.terminal import Screen, neutral, wrap
from relay.cli.words import ago, many, octets

COLOURS = {"ok": "green", "warning": "yellow", "critical": "red", "unknown": "magenta"}

UNSEEN = "not seen by this user"

QUIET_NAMED = 5
"""Colleagues named of those who have gone quiet; `--json` has them all."""

REASONS = 5
"""Reasons of refusals told; `--json` has them all."""

LABEL = 14
"""Columns of the labels."""


def _summary(found: Mapping[str, Any], now: datetime) -> str:
    """What the first line says."""
    if found["problems"]:
        return "; ".join(found["problems"])
    last = ago(found["last_capture_at"], now) if found["last_capture_at"] else "never"
    backlog = UNSEEN if found["backlog"] is None else f"{found['backlog']:,}"
    return f"backlog {backlog}, last capture {last}"


def nagios(found: Mapping[str, Any], now: datetime) -> list[str]:
    """The one line of a plugin (Monitoring Plugins Development Guidelines): LEVEL: text | performance data."""
    text = neutral(f"{found['level'].upper()}: {_summary(found, now)}").replace("|", "/")
    figures = " ".join(_performance(found, now)) if "store" in found else ""
    return [f"{text} | {figures}" if figures else text]


def _performance(found: Mapping[str, Any], now: datetime) -> Iterator[str]:
    for name in ("backlog", "messages", "unresolved", "unparsed"):
        if found[name] is not None:
            yield f"{name}={found[name]}"
    if found["backlog"] is not None:
        since = found["oldest_waiting_at"]
        waited = max(0, round((now - datetime.fromisoformat(since)).total_seconds())) if since else 0
        yield f"backlog_age={waited}s"
    recent = found["recent"]
    if recent["messages"]:
        yield f"unresolved_share={100 * recent['unresolved'] / recent['messages']:.1f}%"
    for name, key in (("wal_size", "wal_size"), ("disk_free", "disk_free"), ("vault_size", "vault_size")):
        if found[key] is not None:
            yield f"{name}={found[key]}B"


def status_page(found: Mapping[str, Any], display: Screen, now: datetime) -> list[str]:
    """The level and what is wrong, each problem on a line of its own; then the facts."""
    level = display.paint(found["level"].upper(), "bold", COLOURS[found["level"]])
    problems = [neutral(problem) for problem in found["problems"]]
    first = problems[:1] or [_summary(found, now)]
    lines = [f"{level}: {first[0]}", *(f"{' ' * (len(found['level']) + 2)}{problem}" for problem in problems[1:])]
    if "store" not in found:
        return lines
    for label, text in _facts(found, now):
        name = display.paint(f"{label}:".ljust(LABEL), "dim")
        first_line, *more = wrap(neutral(text), max(20, display.columns - LABEL))
        lines += [name + first_line, *(" " * LABEL + line for line in more)]
    return lines


def _facts(found: Mapping[str, Any], now: datetime) -> Iterator[tuple[str, str]]:
    def yes(value: bool | None) -> str:
        return UNSEEN if value is None else "yes" if value else "no"

    yield "Accepting", yes(found["accepting"]) + "".join(_sessions(found))
    yield "Filing", yes(found["filing"]) + "".join(_restarts(found))
    yield from _refused(found)
    if found["backlog"] is not None:
        waiting = found["oldest_waiting_at"]
        yield "Backlog", f"{found['backlog']:,}" + (f", the oldest {ago(waiting, now)}" if waiting else "")
    last = found["last_vault_id"]
    yield (
        "Last capture",
        (ago(found["last_capture_at"], now) if found["last_capture_at"] else "never") + (f", {last}" if last else ""),
    )
    yield (
        "Messages",
        f"{found['messages']:,}" + (f", {found['unparsed']:,} unparsed today" if found["unparsed"] else ""),
    )
    yield "Unresolved", _unresolved(found)
    yield "People", f"{many(found['leads'], 'lead')}, {found['staff']:,} staff"
    yield from _habits(found, now)
    if found["search_waits_since"]:
        yield "Search", f"behind since {ago(found['search_waits_since'], now)}, {octets(found['search_size'])}"
    else:
        yield "Search", f"in step, {octets(found['search_size'])}"
    yield "Database", f"{found['store']}, {octets(found['store_size'])}, write-ahead log {octets(found['wal_size'])}"
    for each in found["snapshots"]:
        yield "Read open", f"process {each['pid'] or '?'} ({each['program']}), {octets(each['behind'])} written since"
    if found["erasures_since"]:
        mails = f"{many(found['erasures_waiting'], 'mail')}, since {ago(found['erasures_since'], now)}"
        yield "To be erased", mails
    size = found["vault_size"]
    yield "Vault", found["vault"] + (f", {octets(size)} in {many(found['vault_segments'], 'file')}" if size else "")
    if found["disk_free"] is not None:
        yield "Disk free", octets(found["disk_free"])
    for daemon in found["daemons"]:
        if daemon["certificate_until"]:
            yield "Certificate", f"until {datetime.fromtimestamp(daemon['certificate_until']).astimezone():%Y-%m-%d}"
    for number, sentence in enumerate(found["not_seen"]):
        yield "Not seen" if not number else "", sentence


def _sessions(found: Mapping[str, Any]) -> Iterator[str]:
    """What the accepting daemon has done."""
    for daemon in found["daemons"]:
        if daemon["accepts"]:
            refused = daemon["replies"].get("5xx", 0)
            yield f", {many(daemon['sessions_open'], 'session')} open, {daemon['accepted']:,} accepted since the start"
            yield f", {daemon['replies'].get('4xx', 0):,} put off, {refused:,} refused"


def _refused(found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What was not taken in the last hour, by reason, the most frequent first; and where DNS was at fault."""
    for daemon in found["daemons"]:
        reasons = sorted(daemon["refusals_recent"].items(), key=lambda each: (-each[1], each[0]))
        if told := ", ".join(f"{name} {count:,}" for name, count in reasons[:REASONS] if count):
            yield "Refused", f"{told} in the last hour"
        faults = daemon["dns_faults_recent"]
        if any(faults.values()):
            put_off = faults.get("put-off", 0)
            mails = many(sum(faults.values()), "mail")
            yield "DNS", f"no answer for {mails} in the last hour, {put_off:,} put off for it"


def _restarts(found: Mapping[str, Any]) -> Iterator[str]:
    for daemon in found["daemons"]:
        for name, count in daemon["restarts_recent"].items():
            if count:
                yield f", the {name} died {many(count, 'time')} in the last hour"


def _unresolved(found: Mapping[str, Any]) -> str:
    recent = found["recent"]
    told = f"more than {found['unresolved'] - 1:,}" if found["unresolved_more"] else f"{found['unresolved']:,}"
    if recent["messages"]:
        share = 100 * recent["unresolved"] / recent["messages"]
        told += f"; {share:.0f} % of the {many(recent['messages'], 'message')} since {recent['since'][:10]}"
    return told


def _habits(found: Mapping[str, Any], now: datetime) -> Iterator[tuple[str, str]]:
    """What our people do: who has stopped, whose mail is not all here, whose personal address others know."""
    quiet = found["quiet"]
    if quiet:
        named = [f"{each['name'] or each['staff_id']} ({ago(each['last_at'], now)})" for each in quiet[:QUIET_NAMED]]
        more = f" and {len(quiet) - QUIET_NAMED:,} more" if len(quiet) > QUIET_NAMED else ""
        yield "Gone quiet", ", ".join(named) + more
    lacking = [each for each in found["shares"] if each["missing"]]
    if lacking:
        told = [
            f"{each['name'] or each['staff_id']} {100 * each['here'] // (each['here'] + each['missing'])} %"
            f" ({each['missing']:,} missing)"
            for each in lacking[:QUIET_NAMED]
        ]
        more = f" and {len(lacking) - QUIET_NAMED:,} more" if len(lacking) > QUIET_NAMED else ""
        yield "Mail here", ", ".join(told) + more
    known = found["addresses_seen"] or ()
    if known:
        named = [f"{each['name'] or each['staff_id']} ({ago(each['seen_at'], now)})" for each in known[:QUIET_NAMED]]
        more = f" and {len(known) - QUIET_NAMED:,} more" if len(known) > QUIET_NAMED else ""
        todo = "give out another one: bcc-relay staff capture-address NAME --rotate --no-grace"
        yield "Seen outside", f"the personal address of {', '.join(named)}{more}; {todo}"
