"""The decisions of one sitting at the desk: each in a transaction of its own, each can be undone, all are counted.

Between the terminal (`desk`) and the database: knows no keys and no screen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from relay import sqlite
from relay.attribution.never_log import DROP_MESSAGE, Pattern
from relay.cli.opened import settle
from relay.cli.terminal import neutral
from relay.cli.words import many
from relay.store import decision, never_log, people, triage


@dataclass(frozen=True, slots=True)
class Done:
    """A decision: the message it was made at, what it was, how much mail it settled, and how it is undone.

    `undo` says False when it cannot be undone any more.
    """

    message: int
    told: str
    settled: int
    kind: str
    undo: Callable[[], bool]


class Words:
    """What a person decides. `by` is staff.id of who sits at the desk, None: nobody named."""

    def __init__(self, db: sqlite.Connection, by: int | None) -> None:
        self._db, self._by = db, by
        self._done: list[Done] = []

    @property
    def can_undo(self) -> bool:
        return bool(self._done)

    def attach(self, message: int, messages: Sequence[int], lead: int, name: str) -> str:
        """These messages, and no others, go on the lead."""
        before = decision.standing(self._db, messages, [lead])
        was = self._dismissed(messages)
        decision.attach(self._db, messages, [lead], by=self._by)

        def undo() -> bool:
            decision.take_back(self._db, before, by=self._by)
            decision.dismiss(self._db, [one for one in was if not decision.on(self._db, one)], by=self._by)
            return True

        return self._note(
            message, f"{many(len(messages), 'mail')} on {_named(name, lead)}", len(messages), "attached", undo
        )

    def add_address(self, message: int, lead: int, name: str, address: str) -> str:
        """The address is the lead's from now on: all its mail, old and to come."""
        added, attached = people.add_lead_addresses(self._db, lead, [address], by=self._by)

        def undo() -> bool:
            if added:
                people.remove_lead_address(self._db, lead, address, by=self._by)
            return True

        if not added or triage.one(self._db, message) is not None:
            # The rules do not follow: it is a colleague's address in another spelling, or a person took it off.
            more = f"; it did not bring message {message}, which can be attached by itself"
        else:
            more = f", {many(attached, 'mail')} with it"
        told = f"{neutral(address)} is an address of {_named(name, lead)} now{more}"
        return self._note(message, told, attached, "attached", undo)

    def create(self, message: int, name: str, address: str, organization: str) -> str:
        """A new lead. Its address brings its mail; `message` goes on it in any case."""
        lead, attached = people.add_lead(
            self._db, name, [address] if address else [], organization=organization or None, by=self._by
        )
        if not any(each.lead == lead for each in decision.on(self._db, message)):
            decision.attach(self._db, [message], [lead], by=self._by)
            attached += 1
        told = f"{_named(name, lead)} is a new lead, with {many(attached, 'mail')}"
        return self._note(message, told, attached, "created", lambda: decision.unmake_lead(self._db, lead, by=self._by))

    def dismiss(self, message: int, messages: Sequence[int], whose: str = "") -> str:
        """The messages belong to no lead."""
        done = decision.dismiss(self._db, messages, by=self._by)

        def undo() -> bool:
            decision.restore(self._db, done, by=self._by)
            return True

        of = f" of {neutral(whose)}" if whose else ""
        return self._note(message, f"{many(len(done), 'mail')}{of} dismissed", len(done), "dismissed", undo)

    def never_log(self, message: int, written: str, messages: Sequence[int]) -> str:
        """Mail with `written` is not kept from now on, and these messages, which wait for its sake, are dismissed."""
        pattern = Pattern.read(written)
        if pattern is None:
            raise people.RefusedError(f'"{written}" cannot stand on the never-log list')
        with people.writing(self._db):
            new = not never_log.same_as(self._db, pattern, None)
            entry, changed = never_log.add(self._db, pattern, DROP_MESSAGE, by=self._by)
            if changed:
                people.audit(self._db, "never-log-add", "never_log", entry, {}, self._by)
        done = decision.dismiss(self._db, messages, by=self._by)

        def undo() -> bool:
            if new:
                with people.writing(self._db):
                    never_log.remove(self._db, str(pattern))
                    people.audit(self._db, "never-log-remove", "never_log", entry, {}, self._by)
            decision.restore(self._db, done, by=self._by)
            return True

        told = (
            f"mail of {neutral(str(pattern))} is not kept from now on, {many(len(done), 'mail')} dismissed"
            f" (to remove what is here: bcc-relay never-log add {neutral(str(pattern))} --purge)"
        )
        return self._note(message, told, len(done), "dismissed", undo)

    def undo(self) -> tuple[int, str] | None:
        """Take the last decision back. Returns (the message it was made at, a sentence), None: there is none."""
        if not self._done:
            return None
        last = self._done.pop()
        undone = last.undo()
        settle(self._db)
        return (
            last.message,
            f"undone: {last.told}" if undone else f"others have used it since, so it stays: {last.told}",
        )

    def sum(self) -> str:
        """What the sitting came to."""
        told = []
        for kind in ("attached", "created", "dismissed"):
            done = [each for each in self._done if each.kind == kind]
            if not done:
                continue
            settled = many(sum(each.settled for each in done), "mail")
            what = f"{many(len(done), 'lead')} created with {settled}" if kind == "created" else f"{settled} {kind}"
            told.append(what)
        return ", ".join(told) or "nothing was decided"

    def _note(self, message: int, told: str, settled: int, kind: str, undo: Callable[[], bool]) -> str:
        self._done.append(Done(message, told, settled, kind, undo))
        settle(self._db)
        return told

    def _dismissed(self, messages: Sequence[int]) -> list[int]:
        query = "SELECT 1 FROM dismissal WHERE message_id = ?"
        return [message for message in messages if self._db.execute(query, (message,)).fetchone()]


def _named(name: str, lead: int) -> str:
    return f"{neutral(name)} (lead {lead})" if name.strip() else f"lead {lead}"
