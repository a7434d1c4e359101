"""A person's word on a message: on this lead, off that one, on none; and taking it back.

Plain SQL of the kind any CRM may write; the triggers keep `lead_message`. Every write is one BEGIN IMMEDIATE
transaction that leaves rows in `audit`, with the colleague who decided where one is named. What makes no sense is
refused in a line before anything is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from relay import sqlite
from relay.store.finding import find_lead
from relay.store.people import RefusedError, audit, now, writing

_ON = """
SELECT x.lead_id, coalesce(l.name, ''), x.reason FROM lead_message x JOIN lead l ON l.id = x.lead_id
 WHERE x.message_id = ? ORDER BY x.lead_id
"""


@dataclass(frozen=True, slots=True)
class On:
    """A lead that a message is on, and why (`lead_message.reason`)."""

    lead: int
    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Decided:
    """What a word has changed for one message: the leads it was on, and those it is on now."""

    message: int
    before: tuple[On, ...]
    after: tuple[On, ...]
    was_dismissed: bool = False


Word = tuple[int, int, tuple[object, ...] | None]
"""(message, lead, the decision that stood there before or None): what taking a word back needs."""

_COLUMNS = "deal_id, verdict, reason, decided_by, decided_at"


def on(db: sqlite.Connection, message: int) -> tuple[On, ...]:
    """The leads that a message is on now."""
    return tuple(On(*row) for row in db.execute(_ON, (message,)))


def attach(
    db: sqlite.Connection,
    messages: Sequence[int],
    leads: Sequence[int],
    *,
    deal: int | None = None,
    only: bool = False,
    by: int | None = None,
) -> list[Decided]:
    """These messages are on these leads, whatever the rules say; a dismissal of theirs is taken back.

    `only`: and on no other lead that they are on now, as when several share an address. `deal` must be a deal of
    the one lead; `by` is staff.id of who decides. Raises RefusedError for a message that is withdrawn and for a
    deal of another lead.
    """
    if deal is not None:
        (owner,) = db.execute("SELECT lead_id FROM deal WHERE id = ?", (deal,)).fetchone()
        if owner is None or [find_lead(db, str(owner))] != list(leads):
            raise RefusedError(f"deal {deal} belongs to lead {owner}; name exactly that lead")
    return _decide(db, messages, leads, "attach", deal, by, only=only)


def detach(db: sqlite.Connection, messages: Sequence[int], lead: int, *, by: int | None = None) -> list[Decided]:
    """The messages are not on the lead, whatever the rules say."""
    return _decide(db, messages, [lead], "detach", None, by)


def _decide(
    db: sqlite.Connection,
    messages: Sequence[int],
    leads: Sequence[int],
    verdict: str,
    deal: int | None,
    by: int | None,
    *,
    only: bool = False,
) -> list[Decided]:
    told: list[Decided] = []
    with writing(db):
        for message in messages:
            row = db.execute("SELECT visibility FROM message WHERE id = ?", (message,)).fetchone()
            if row is None:
                raise RefusedError(f"message {message} is gone: it was merged or taken back meanwhile")
            if verdict == "attach" and row[0] == "withdrawn":
                raise RefusedError(
                    f"message {message} is withdrawn, so no timeline would show it;"
                    f" `bcc-relay visibility {message} all` comes first"
                )
            before = on(db, message)
            was_dismissed = verdict == "attach" and _undismiss(db, message, by)
            words = [(lead, verdict, deal) for lead in leads]
            if only:  # what only the thread gave goes by itself
                words += [(x.lead, "detach", None) for x in before if x.lead not in leads and x.reason != "thread"]
            for lead, said, of_deal in words:
                # UPDATE, then INSERT: REPLACE would skip the delete triggers of a default connection.
                changed = db.execute(
                    "UPDATE explicit_attribution SET verdict = ?, deal_id = ?, reason = 'person', decided_by = ?,"
                    " decided_at = ? WHERE message_id = ? AND lead_id = ?",
                    (said, of_deal, by, now(), message, lead),
                ).rowcount
                if not changed:
                    db.execute(
                        "INSERT INTO explicit_attribution (message_id, lead_id, deal_id, verdict, decided_by)"
                        " VALUES (?, ?, ?, ?, ?)",
                        (message, lead, of_deal, said, by),
                    )
                audit(db, said, "message", message, {"lead_id": lead, "deal_id": of_deal}, by)
            told.append(Decided(message, before, on(db, message), was_dismissed))
    return told


def standing(db: sqlite.Connection, messages: Iterable[int], leads: Sequence[int]) -> list[Word]:
    """The decisions that stand for these messages and leads, to be put back by `take_back`."""
    query = f"SELECT {_COLUMNS} FROM explicit_attribution WHERE message_id = ? AND lead_id = ?"
    return [(message, lead, db.execute(query, (message, lead)).fetchone()) for message in messages for lead in leads]


def take_back(db: sqlite.Connection, words: Sequence[Word], *, by: int | None = None) -> None:
    """Put decisions back to what `standing` found before, in one transaction."""
    with writing(db):
        for message, lead, before in words:
            if before is None:
                where = "DELETE FROM explicit_attribution WHERE message_id = ? AND lead_id = ?"
                db.execute(where, (message, lead))
            else:
                db.execute(
                    "UPDATE explicit_attribution SET deal_id = ?, verdict = ?, reason = ?, decided_by = ?,"
                    " decided_at = ? WHERE message_id = ? AND lead_id = ?",
                    (*before, message, lead),
                )
            audit(db, "take-back", "message", message, {"lead_id": lead}, by)


def dismiss(db: sqlite.Connection, messages: Iterable[int], *, by: int | None = None) -> list[int]:
    """The messages belong to no lead: they leave the unresolved list. Returns those that had not left before.

    Raises RefusedError for a message that is on a lead: there is nothing to dismiss.
    """
    done = []
    with writing(db):
        for message in messages:
            if db.execute("SELECT 1 FROM dismissal WHERE message_id = ?", (message,)).fetchone():
                continue
            if db.execute("SELECT 1 FROM message WHERE id = ?", (message,)).fetchone() is None:
                continue  # merged or taken back since it was listed
            if leads := on(db, message):
                named = ", ".join(
                    f"{each.name} (lead {each.lead})" if each.name else f"lead {each.lead}" for each in leads
                )
                raise RefusedError(
                    f"message {message} is on {named}, so it does not wait; `bcc-relay detach {message} LEAD` first"
                )
            db.execute("INSERT INTO dismissal (message_id, dismissed_by) VALUES (?, ?)", (message, by))
            audit(db, "dismiss", "message", message, {}, by)
            done.append(message)
    return done


def restore(db: sqlite.Connection, messages: Iterable[int], *, by: int | None = None) -> list[int]:
    """Dismissals are taken back: what is on no lead waits again. Returns those that had been dismissed."""
    with writing(db):
        return [message for message in messages if _undismiss(db, message, by)]


def _undismiss(db: sqlite.Connection, message: int, by: int | None) -> bool:
    if not db.execute("DELETE FROM dismissal WHERE message_id = ?", (message,)).rowcount:
        return False
    audit(db, "restore", "message", message, {}, by)
    return True


def show_to(db: sqlite.Connection, message: int, visibility: str, *, by: int | None = None) -> bool:
    """Who may see a message: 'all', 'responsible' or 'withdrawn'. Returns False when it was so before.

    A CRM may write `message.visibility` itself; the change feed tells either, and timelines, search and lists
    for everybody show 'all' only.
    """
    with writing(db):
        (before,) = db.execute("SELECT visibility FROM message WHERE id = ?", (message,)).fetchone()
        if before == visibility:
            return False
        db.execute("UPDATE message SET visibility = ? WHERE id = ?", (visibility, message))
        audit(db, "visibility", "message", message, {"before": before, "after": visibility}, by)
    return True


def thread_of(db: sqlite.Connection, message: int, *, shown: bool = False) -> list[int]:
    """All messages of the thread of `message`, itself included.

    `shown`: without mail among ourselves and mail that is withdrawn, which a timeline has only when somebody says so of
    that very message; `message` itself is such a one.
    """
    found = db.execute(
        "SELECT o.id FROM message m JOIN message o ON o.thread_id = m.thread_id WHERE m.id = ?1 "
        "AND (o.id = ?1 OR NOT ?2 OR (o.direction <> 'internal' AND o.visibility <> 'withdrawn')) ORDER BY o.id",
        (message, shown),
    ).fetchall()
    return [i for (i,) in found] or [message]


def unmake_lead(db: sqlite.Connection, lead: int, *, by: int | None = None) -> bool:
    """A lead that was made by mistake a moment ago goes, and its mail waits again. False: others have used it since.

    Not what a CRM does when it deletes a lead (then its mail is put to nobody): here the lead never was.
    """
    with writing(db):
        used = (
            "SELECT EXISTS (SELECT 1 FROM deal WHERE lead_id = ?1)"
            " OR EXISTS (SELECT 1 FROM lead WHERE merged_into = ?1)"
        )
        if db.execute(used, (lead,)).fetchone()[0]:
            return False
        db.execute("DELETE FROM explicit_attribution WHERE lead_id = ?", (lead,))
        db.execute("DELETE FROM lead_address WHERE lead_id = ?", (lead,))
        db.execute("DELETE FROM _last_lead WHERE lead_id = ?", (lead,))
        db.execute("DELETE FROM lead WHERE id = ?", (lead,))
        audit(db, "lead-unmake", "lead", lead, {}, by)
    return True
