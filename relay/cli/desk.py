"""`unresolved work`: mail that waits, one after the other, each settled with a key.

The list is asked anew for every mail, so what a decision settles beside the mail on the screen (the other twelve of
the same address) does not come up again, and what colleagues or the CRM settle meanwhile neither. Each decision is
its own transaction (`desk_words`): whenever the person or the line breaks off, what was decided stays.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from datetime import UTC, datetime

import click

from relay import sqlite
from relay.cli import desk_keys, triage_page
from relay.cli.desk_words import Words
from relay.cli.fault import sentence
from relay.cli.keys import END, ESCAPE, RESIZED, Keys
from relay.cli.terminal import Screen, neutral, screen
from relay.cli.words import many
from relay.store import triage
from relay.store.reading import Before, Row

_DOES: dict[str, Callable[[Desk], None]] = {
    "l": desk_keys.other_lead,
    "c": desk_keys.create,
    "d": desk_keys.dismiss,
    "D": desk_keys.dismiss_all,
    "n": desk_keys.never_log,
    "o": desk_keys.read_mail,
    "e": desk_keys.explain,
    "?": desk_keys.explain_keys,
    "h": desk_keys.explain_keys,
}


class Desk:
    """One sitting. `by` is staff.id of who decides."""

    def __init__(
        self, db: sqlite.Connection, keys: Keys, wanted: triage.Wanted, *, oldest_first: bool, by: int | None
    ) -> None:
        self.db, self.keys, self._wanted, self._oldest_first = db, keys, wanted, oldest_first
        self.words = Words(db, by)
        self._seen: list[int] = []  # messages looked at before this one
        self._place: Before | None = None  # of the mail on the screen, so that the next one comes after it
        self._row: Row | None = None
        self._party = 0
        self.said = ""

    def work(self) -> None:
        """Until all is settled or the person leaves. Raises KeyboardInterrupt for Ctrl-C."""
        self._next()
        while self._row is not None:
            self._draw()
            key = self.keys.key()
            if key in ("q", "Q", END):
                return
            try:
                self._pressed(key)
            except Exception as error:  # noqa: BLE001  what is not foreseeable is raised again
                self.said = _told(error)
            self._ended()

    def _ended(self) -> None:
        """Nothing more waits behind the last one: leave, or look once more at what was decided or skipped."""
        while self._row is None:
            display = screen()
            said, self.said = self.said, ""
            keys = "   ".join(
                filter(None, ["u undo" if self.words.can_undo else "", "b back" if self._seen else "", "q quit"])
            )
            _show(
                [display.paint(neutral(said), "green"), "", "That was the last one.", "", display.paint(keys, "dim")],
                display,
            )
            key = self.keys.key()
            try:
                if key in ("u", "b", "left"):
                    self._undo() if key == "u" else self._back()
            except Exception as error:  # noqa: BLE001  what is not foreseeable is raised again
                self.said = _told(error)
            if key in ("q", "Q", END, "\n", " "):
                return

    def sum(self) -> str:
        """The last line."""
        left = triage.count(self.db, self._wanted)
        still = "nothing waits" if not left else f"{_counted(left)} still {'waits' if left == 1 else 'wait'}"
        return f"{self.words.sum()}; {still}"

    # ------------------------------------------------------------ where we are

    def _next(self) -> None:
        if self._row is not None:
            self._seen.append(self._row["message_id"])
        found = triage.waiting(self.db, self._wanted, 1, self._place, oldest_first=self._oldest_first)
        self._look_at(found[0] if found else None)

    def _look_at(self, row: Row | None) -> None:
        self._row, self._party = row, 0
        if row is not None:
            self._place = row["originated_at"], row["message_id"]

    def _go_to(self, message: int) -> bool:
        row = triage.one(self.db, message)
        if row is None:
            return False
        self._look_at(row)
        return True

    def _back(self) -> None:
        while self._seen:
            if self._go_to(self._seen.pop()):
                return
        self.said = "there is none before this one that still waits; u undoes the last decision"

    def _undo(self) -> None:
        undone = self.words.undo()
        if undone is None:
            self.said = "there is nothing to undo"
            return
        message, self.said = undone
        self._go_to(message)

    # ------------------------------------------------------------ what is seen

    def _draw(self, more: Callable[[Screen], list[str]] | None = None) -> None:
        """The mail on the screen, or what `more` shows instead of the leads that are offered."""
        row = self.looked_at()
        display = screen()
        lines = []
        left = triage.count(self.db, self._wanted)
        order = "oldest" if self._oldest_first else "newest"
        lines += [display.paint(f"{_counted(left)} {'waits' if left == 1 else 'wait'}, {order} first", "dim")]
        if self.said:
            lines.append(display.paint(neutral(self.said), "green"))
            self.said = ""
        beside = triage.beside(self.db, row["message_id"])
        offers = [] if more else self._offers(row)
        others = self.others(row)
        lines += ["", *triage_page.mail_page(row, beside, offers, others, display, datetime.now(UTC))]
        can_undo = self.words.can_undo
        if offers or more:
            lines.append("")
        lines += more(display) if more else triage_page.keys_line(row, len(offers), others, display, can_undo=can_undo)
        _show(lines, display)

    def looked_at(self) -> Row:
        """The row, with the party that the person has chosen."""
        assert self._row is not None  # noqa: S101  `work` ends when there is none
        row = dict(self._row)
        if self._party:
            parties = triage.beside(self.db, row["message_id"])["parties"]
            chosen = parties[self._party % len(parties)]
            row["party_address"], row["party_name"] = chosen["address"], chosen["display_name"]
        return row

    def _offers(self, row: Row) -> list[Row]:
        name = row["party_name"] or ""
        if row["why"] == "sender-not-recovered":
            name = triage.beside(self.db, row["message_id"])["author_name"] or name
        return triage.suggestions(self.db, row["message_id"], row["party_address"], name)

    def others(self, row: Row) -> int:
        """How much other mail waits for the same party."""
        if row["party_address"] is None:
            return 0
        waiting = triage.ids(self.db, triage.Wanted(address=row["party_address"]))
        return len([message for message in waiting if message != row["message_id"]])

    # ------------------------------------------------------------ what a key does

    def _pressed(self, key: str) -> None:
        row = self.looked_at()
        if triage.one(self.db, row["message_id"]) is None:
            self.said = f"message {row['message_id']} was settled meanwhile"
            self._next()
            return
        if key in ("s", " ", "right", "down"):
            self._next()
        elif key.isascii() and key.isdigit() and key != "0":
            offers = self._offers(row)
            if int(key) <= len(offers):
                desk_keys.attach(self, offers[int(key) - 1])
            else:
                self.said = f"there is no suggestion {key}; l takes any lead"
        elif key in _DOES:
            _DOES[key](self)
        elif key in ("b", "left"):
            self._back()
        elif key == "u":
            self._undo()
        elif key == "p":
            self._next_party()
        elif key not in (RESIZED, ESCAPE, ""):
            self.said = "? shows what the keys do"

    def _next_party(self) -> None:
        row = self.looked_at()
        if (row["party_count"] or 0) < 2:
            self.said = "there is no other party outside"
            return
        self._party += 1

    def choice(self, lines: list[str]) -> str:
        """Show lines below the mail; the key that answers."""
        while True:
            self._draw(lambda _display: lines)
            key = self.keys.key()
            if key != RESIZED:
                return key

    def settled(self, told: str) -> None:
        """Say what was done, and go on unless the mail still waits."""
        self.said = told
        if self._row is not None and triage.one(self.db, self._row["message_id"]) is None:
            self._next()

    def read(self, lines: list[str]) -> None:
        """Lines until a key brings the mail back; in the person's pager when the screen is too low for them."""
        display = screen()
        if len(lines) + 2 > shutil.get_terminal_size().lines:
            with self.keys.lent():
                click.echo_via_pager("\n".join(lines), color=display.colour)
            return
        _show([*lines, "", display.paint("any key: back to the list", "dim")], display)
        while self.keys.key() == RESIZED:
            pass


def _show(lines: list[str], display: Screen) -> None:
    encoding = sys.stdout.encoding or "ascii"
    # A clear screen where the terminal can; its history keeps what was there.
    sys.stdout.write("\x1b[2J\x1b[H" if display.colour else "\n" + "-" * min(display.columns, 60) + "\n")
    for line in lines:
        sys.stdout.write(line.encode(encoding, "replace").decode(encoding) + "\n")
    sys.stdout.flush()


def _counted(number: int) -> str:
    return f"more than {triage.COUNTED:,} mails" if number > triage.COUNTED else many(number, "mail")


def _told(error: Exception) -> str:
    """A foreseeable fault as a line, so that the sitting goes on. Raises the others."""
    told = sentence(error)
    if told is None:
        raise error
    return f"not done: {told}"
