"""The judgement of `status` and its page. Pure: what was observed in, level and lines out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from relay.cli.terminal import Screen
from relay.cli.words import ago, lasting, many, octets, read

MIB = 1 << 20

DISK_CRITICAL = 256 * MIB
"""Free octets below which the vault stops taking mail (its reserve)."""
DISK_WARNING = 1024 * MIB
WAL_WARNING = 256 * MIB
"""A write-ahead log of this size means that some reader holds it: no checkpoint can pass."""
WAITING_WARNING = 60.0
"""Seconds that accepted mail may wait before somebody should look: a CRM that holds the write lock does this."""
WAITING_CRITICAL = 900.0


def judge(found: Mapping[str, Any], now: datetime) -> tuple[str, list[str]]:
    """('ok' | 'warning' | 'critical', what is wrong, each with what to do)."""
    critical: list[str] = []
    warning: list[str] = []
    waited = (now - read(found["oldest_waiting_at"])).total_seconds() if found["oldest_waiting_at"] else 0.0
    if not found["accepting"]:
        critical.append("no mail is accepted: start `bcc-relay serve`")
    elif not found["filing"]:
        critical.append("nothing is filed: see the log of `bcc-relay serve`")
    if waited > WAITING_WARNING:
        told = f"mail has waited for {lasting(waited)}: does a program hold the write lock of the database?"
        (critical if waited > WAITING_CRITICAL else warning).append(told)
    if found["disk_free"] < DISK_WARNING:
        told = f"only {octets(found['disk_free'])} of disk free: make room"
        (critical if found["disk_free"] < DISK_CRITICAL else warning).append(told)
    if found["wal_size"] > WAL_WARNING:
        warning.append(f"the write-ahead log has {octets(found['wal_size'])}: does a program keep a read open?")
    level = "critical" if critical else "warning" if warning else "ok"
    return level, critical + warning


def status_page(found: Mapping[str, Any], display: Screen, now: datetime) -> list[str]:
    """One line that monitoring reads, then the facts."""
    colour = {"ok": "green", "warning": "yellow", "critical": "red"}[found["level"]]
    last = ago(found["last_capture_at"], now) if found["last_capture_at"] else "never"
    summary = found["problems"] or [f"backlog {found['backlog']}, last capture {last}"]
    figures = " ".join(f"{name}={found[name]}" for name in ("backlog", "messages", "unresolved"))
    sizes = " ".join(f"{name}={found[name]}B" for name in ("wal_size", "disk_free"))
    facts = {
        "Accepting": "yes" if found["accepting"] else "no",
        "Filing": "yes" if found["filing"] else "no",
        "Backlog": f"{found['backlog']:,}"
        + (f", the oldest {ago(found['oldest_waiting_at'], now)}" if found["oldest_waiting_at"] else ""),
        "Last capture": last + (f", {found['last_vault_id']}" if found["last_vault_id"] else ""),
        "Messages": f"{found['messages']:,}, {found['unresolved']:,} unresolved, {found['unparsed']:,} unparsed",
        "People": f"{many(found['leads'], 'lead')}, {found['staff']:,} staff",
        "Database": f"{found['store']} ({octets(found['store_size'])}, write-ahead log {octets(found['wal_size'])})",
        "Vault": found["vault"],
        "Disk free": octets(found["disk_free"]),
    }
    return [
        display.paint(found["level"].upper(), "bold", colour) + f": {'; '.join(summary)} | {figures} {sizes}",
        *(display.paint(f"{label}:".ljust(14), "dim") + text for label, text in facts.items()),
    ]
