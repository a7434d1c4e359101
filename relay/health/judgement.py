"""The judgement: is what was seen well, worth a look, or a matter for an operator now? Pure.

Every threshold stands here or in [health]; docs/health.md has them all with what to do. What people do (a
colleague who hands in less mail, mail on no lead) is shown and never changes the level: nobody shall be
woken for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from relay.config.settings import Health
from relay.words import lasting, octets

MIB = 1 << 20

WAL_WARNING = 256 * MIB
"""A write-ahead log of this size means that some reader holds it: no checkpoint can pass."""

SEARCH_WARNING = 300.0
"""Seconds that search may be behind: it is a second as a rule, minutes after an import."""

ERASURE_WARNING = 3600.0
"""Seconds that something taken back may still be legible in the vault, the log or the index: as a rule, a few."""

RESTARTS_WARNING = 3
"""Deaths of a process in an hour: one may be chance, three have a reason."""

DNS_WARNING = 3
"""Mails that are put off in an hour since DNS did not answer: one may be the sender's name server, three are ours."""

CERTIFICATE_WARNING = 14 * 86400.0
"""Seconds before its end at which a certificate should have been renewed: programs do it 30 days before."""

COMMIT_CRITICAL = 30.0
"""Seconds that a commit of the vault may take: clients wait for it, and give up after minutes."""


@dataclass(slots=True)
class Judgement:
    """`level` is 'ok', 'warning', 'critical' or 'unknown'; `problems` are sentences, the gravest first."""

    critical: list[str] = field(default_factory=list)
    warning: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)

    @property
    def level(self) -> str:
        return "critical" if self.critical else "warning" if self.warning else "unknown" if self.unknown else "ok"

    @property
    def problems(self) -> list[str]:
        return [*self.critical, *self.warning, *self.unknown]


def judge(found: Mapping[str, Any], limits: Health, now: datetime) -> Judgement:
    """What is wrong with what `sight.look` found, each with what to do."""
    told = Judgement()
    _work(found, told)
    _waiting(found, limits, now, told)
    _room(found, limits, told)
    _processes(found, now, told)
    return told


def _work(found: Mapping[str, Any], told: Judgement) -> None:
    if found["accepting"] is None:
        told.unknown.append("whether mail is accepted cannot be seen by this user, and no daemon says so")
    elif not found["accepting"]:
        told.critical.append("no mail is accepted: start `bcc-relay serve`")
    elif not found["filing"]:
        told.critical.append("nothing is filed: see the log of `bcc-relay serve`")


def _waiting(found: Mapping[str, Any], limits: Health, now: datetime, told: Judgement) -> None:
    waited = _seconds(found["oldest_waiting_at"], now)
    if waited > limits.backlog_warning:
        who = _who(found["writers"])
        ask = f"the write lock is held by {who}" if who else "does a program hold the write lock of the database?"
        sentence = f"mail has waited for {lasting(waited)}: {ask}"
        (told.critical if waited > limits.backlog_critical else told.warning).append(sentence)
    behind = _seconds(found["search_waits_since"], now)
    if behind > SEARCH_WARNING:
        told.warning.append(f"search is {lasting(behind)} behind: see search.* and indexer.* in the log")
    waited = _seconds(found["erasures_since"], now)
    if waited > ERASURE_WARNING:
        told.warning.append(
            f"what was taken back has waited for {lasting(waited)} to be erased ({found['erasures_waiting']:,} in the "
            "vault): see vault.not_erased in the log; does a program keep a read open?"
        )
    if found["unparsed"]:
        told.warning.append(f"{found['unparsed']:,} of the last day's mail not readable: see mail.unparsed in the log")


def _room(found: Mapping[str, Any], limits: Health, told: Judgement) -> None:
    free = found["disk_free"]
    if free is not None and free < limits.disk_warning:
        (told.critical if free < limits.disk_critical else told.warning).append(
            f"only {octets(free)} of disk free: make room"
        )
    if found["wal_size"] > WAL_WARNING:
        who = _who(found["snapshots"])
        ask = f"a read is kept open by {who}" if who else "does a program keep a read open?"
        told.warning.append(f"the write-ahead log has {octets(found['wal_size'])}: {ask}")


def _processes(found: Mapping[str, Any], now: datetime, told: Judgement) -> None:
    for daemon in found["daemons"]:
        if daemon["commit_trouble"]:
            told.critical.append(f"accepted mail cannot be kept: {daemon['commit_trouble']}")
        elif daemon["commit_waits"] > COMMIT_CRITICAL:
            told.critical.append(
                f"the disk has not answered for {lasting(daemon['commit_waits'])}: mail waits for its 250"
            )
        put_off = daemon["dns_faults_recent"].get("put-off", 0)
        if put_off >= DNS_WARNING:
            told.warning.append(
                f"DNS did not answer for {put_off:,} of the last hour's mail, which was put off: see [dns] servers"
            )
        _certificate(daemon, now, told)
        for name, count in daemon["restarts_recent"].items():
            if count >= RESTARTS_WARNING:
                told.warning.append(f"the {name} died {count} times in an hour: see {name}.died in the log")


def _certificate(daemon: Mapping[str, Any], now: datetime, told: Judgement) -> None:
    """One that expires locks out colleagues who log in, and servers that insist on TLS."""
    until, trouble = daemon["certificate_until"], daemon["certificate_trouble"]
    early = min(CERTIFICATE_WARNING, (until - daemon["certificate_from"]) / 4)  # some are made for six days
    left = until - now.timestamp()
    if trouble:
        unusable = f"the certificate cannot be used: {trouble}"
        if until and left > 0:
            told.warning.append(f"{unusable}; the one before serves until {_day(until)}")
        else:
            told.critical.append(f"{unusable}; there is no TLS")
    elif until and left <= 0:
        told.critical.append(f"the certificate expired on {_day(until)}: renew the files of [tls]")
    elif until and left < early:
        told.warning.append(f"the certificate expires on {_day(until)}: renew the files of [tls]")


def _day(moment: float) -> str:
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d}"


def _who(holders: Sequence[Mapping[str, Any]]) -> str:
    return ", ".join(f"process {each['pid'] or '?'} ({each['program']})" for each in holders)


def _seconds(since: str | None, now: datetime) -> float:
    return (now - datetime.fromisoformat(since)).total_seconds() if since else 0.0
