"""`unresolved work`: mail that waits, one after the other, each settled with a key.

The list is asked anew for every mail, so what a decision settles beside the mail on the screen (the other twelve of
the same address) does not come up again, and what colleagues or the CRM settle meanwhile neither. Each decision is
its own transaction (`desk_words`): whenever the person or the line breaks off, what was decided stays.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime

from relay import sqlite
from relay.attribution import newcomer
from relay.cli import triage_page
from relay.cli.desk_words import Words
from relay.cli.fault import sentence
from relay.cli.keys import END, ESCAPE, RESIZED, Keys
from relay.cli.terminal import Screen, neutral, screen
from relay.cli.words import many
from relay.store import reading, triage
from relay.store.finding import NotFoundError, find_lead, merged
from relay.store.reading import Before, Row


class Desk:
    """One sitting. `by` is staff.id of who decides."""

    def __init__(
        self, db: sqlite.Connection, keys: Keys, wanted: triage.Wanted, *, oldest_first: bool, by: int | None
    ) -> None:
        self._db, self._keys, self._wanted, self._oldest_first = db, keys, wanted, oldest_first
        self._words = Words(db, by)
        self._seen: list[int] = []  # messages looked at before this one
        self._place: Before | None = None  # of the mail on the screen, so that the next one comes after it
        self._row: Row | None = None
        self._party = 0
        self._said = ""

    def work(self) -> None:
        """Until all is settled or the person leaves. Raises KeyboardInterrupt for Ctrl-C."""
        self._next()
        while self._row is not None:
            self._draw()
            key = self._keys.key()
            if key in ("q", "Q", END):
                return
            try:
                self._pressed(key)
            except Exception as error:  # noqa: BLE001  what is not foreseeable is raised again
                self._said = _told(error)
            self._ended()

    def _ended(self) -> None:
        """Nothing more waits behind the last one: leave, or look once more at what was decided or skipped."""
        while self._row is None:
            display = screen()
            said, self._said = self._said, ""
            keys = "   ".join(
                filter(None, ["u undo" if self._words.can_undo else "", "b back" if self._seen else "", "q quit"])
            )
            _show(
                [display.paint(neutral(said), "green"), "", "That was the last one.", "", display.paint(keys, "dim")],
                display,
            )
            key = self._keys.key()
            if key in ("u", "b", "left"):
                self._undo() if key == "u" else self._back()
            elif key in ("q", "Q", END, "\n", " "):
                return

    def sum(self) -> str:
        """The last line."""
        left = triage.count(self._db, self._wanted)
        still = "nothing waits" if not left else f"{_counted(left)} still {'waits' if left == 1 else 'wait'}"
        return f"{self._words.sum()}; {still}"

    # ------------------------------------------------------------ where we are

    def _next(self) -> None:
        if self._row is not None:
            self._seen.append(self._row["message_id"])
        found = triage.waiting(self._db, self._wanted, 1, self._place, oldest_first=self._oldest_first)
        self._look_at(found[0] if found else None)

    def _look_at(self, row: Row | None) -> None:
        self._row, self._party = row, 0
        if row is not None:
            self._place = row["originated_at"], row["message_id"]

    def _go_to(self, message: int) -> bool:
        row = triage.one(self._db, message)
        if row is None:
            return False
        self._look_at(row)
        return True

    def _back(self) -> None:
        while self._seen:
            if self._go_to(self._seen.pop()):
                return
        self._said = "there is none before this one that still waits; u undoes the last decision"

    def _undo(self) -> None:
        undone = self._words.undo()
        if undone is None:
            self._said = "there is nothing to undo"
            return
        message, self._said = undone
        self._go_to(message)

    # ------------------------------------------------------------ what is seen

    def _draw(self, more: Callable[[Screen], list[str]] | None = None) -> None:
        """The mail on the screen, or what `more` shows instead of the leads that are offered."""
        row = self._looked_at()
        display = screen()
        lines = []
        left = triage.count(self._db, self._wanted)
        order = "oldest" if self._oldest_first else "newest"
        lines += [display.paint(f"{_counted(left)} {'waits' if left == 1 else 'wait'}, {order} first", "dim")]
        if self._said:
            lines.append(display.paint(neutral(self._said), "green"))
            self._said = ""
        beside = triage.beside(self._db, row["message_id"])
        offers = [] if more else self._offers(row)
        others = self._others(row)
        lines += ["", *triage_page.mail_page(row, beside, offers, others, display, datetime.now(UTC))]
        can_undo = self._words.can_undo
        lines += more(display) if more else triage_page.keys_line(row, len(offers), others, display, can_undo=can_undo)
        _show(lines, display)

    def _looked_at(self) -> Row:
        """The row, with the party that the person has chosen."""
        assert self._row is not None  # noqa: S101  `work` ends when there is none
        row = dict(self._row)
        if self._party:
            parties = triage.beside(self._db, row["message_id"])["parties"]
            chosen = parties[self._party % len(parties)]
            row["party_address"], row["party_name"] = chosen["address"], chosen["display_name"]
        return row

    def _offers(self, row: Row) -> list[Row]:
        name = row["party_name"] or ""
        if row["why"] == "sender-not-recovered":
            name = triage.beside(self._db, row["message_id"])["author_name"] or name
        return triage.suggestions(self._db, row["message_id"], row["party_address"], name)

    def _others(self, row: Row) -> int:
        """How much other mail waits for the same party."""
        if row["party_address"] is None:
            return 0
        waiting = triage.ids(self._db, triage.Wanted(address=row["party_address"]))
        return len([message for message in waiting if message != row["message_id"]])

    # ------------------------------------------------------------ what a key does

    def _pressed(self, key: str) -> None:
        row = self._looked_at()
        if triage.one(self._db, row["message_id"]) is None:
            self._said = f"message {row['message_id']} was settled meanwhile"
            self._next()
            return
        simple: dict[str, Callable[[], None]] = {
            "b": self._back, "left": self._back, "u": self._undo, "l": self._other_lead, "c": self._create,
            "d": self._dismiss, "D": self._dismiss_all, "n": self._never_log, "p": self._next_party,
            "o": self._open, "e": self._explain, "?": self._help, "h": self._help,
            RESIZED: lambda: None, ESCAPE: lambda: None, "": lambda: None,
        }  # fmt: skip
        if key in ("s", " ", "right", "down"):
            self._next()
        elif key.isascii() and key.isdigit() and key != "0":
            offers = self._offers(row)
            if int(key) <= len(offers):
                self._attach(offers[int(key) - 1])
            else:
                self._said = f"there is no suggestion {key}; l takes any lead"
        elif key in simple:
            simple[key]()
        else:
            self._said = "? shows what the keys do"

    def _next_party(self) -> None:
        row = self._looked_at()
        if (row["party_count"] or 0) < 2:
            self._said = "there is no other party outside"
            return
        self._party += 1

    def _attach(self, lead: Row) -> None:
        """Ask how far it goes, and do it."""
        row = self._looked_at()
        message, name, address = row["message_id"], lead["name"], row["party_address"]
        thread = triage.beside(self._db, message)["thread_count"]
        if address is None and thread < 2:
            self._settled(self._words.attach(message, [message], lead["lead_id"], name))
            return
        asked = [f"To {triage_page.offered(lead)}:", ""]
        if address is not None:
            mails = many(self._others(row) + 1, "mail")
            asked.append(f" a  {neutral(address)} is its address: {mails} now, and all that comes")
        asked.append(" o  only this mail")
        if thread > 1:
            asked.append(f" t  all {many(thread, 'message')} of the thread")
        asked.append(" Esc  neither")
        key = self._choice(asked)
        if key in ("a", "\n", "\r") and address is not None:
            self._settled(self._words.add_address(message, lead["lead_id"], name, address))
        elif key == "o":
            self._settled(self._words.attach(message, [message], lead["lead_id"], name))
        elif key == "t" and thread > 1:
            from relay.store.decision import thread_of

            self._settled(self._words.attach(message, thread_of(self._db, message), lead["lead_id"], name))

    def _choice(self, lines: list[str]) -> str:
        """Show lines below the mail; the key that answers."""
        while True:
            self._draw(lambda _display: lines)
            key = self._keys.key()
            if key != RESIZED:
                return key

    def _other_lead(self) -> None:
        typed = self._keys.line("Lead (id, ext:X, address, or a part of its name): ")
        if not typed:
            return
        try:
            found = [find_lead(self._db, typed)]
        except NotFoundError as error:
            leads = triage.search(self._db, typed)
            if not leads:
                self._said = str(error)
                return
            if len(leads) > 1:
                shown = [*triage_page.leads_found(leads, screen()), " Esc  none of them"]
                key = self._choice(shown)
                if not (key.isascii() and key.isdigit() and 1 <= int(key) <= len(leads)):
                    return
                leads = [leads[int(key) - 1]]
            found = [merged(self._db, leads[0]["lead_id"])]
        lead = reading.lead(self._db, found[0])
        address = lead["addresses"][0] if lead["addresses"] else ""
        self._attach(
            {
                "lead_id": lead["id"],
                "name": lead["name"] or "",
                "organization": lead["organization"],
                "address": address,
            }
        )

    def _create(self) -> None:
        row = self._looked_at()
        address = row["party_address"] or ""
        shown = row["party_name"] or ""
        if row["why"] == "sender-not-recovered":
            # The party there is, if any, is not who wrote it: only the name is known.
            shown, address = triage.beside(self._db, row["message_id"])["author_name"], ""
        sys.stdout.write("\nA new lead; Ctrl-C: never mind.\n")
        name = self._keys.line("Name: ", neutral(newcomer.name(address, shown)) if address or shown else "")
        if not name:
            return
        written = self._keys.line("Address (empty: only this mail): ", neutral(address))
        if written is None:
            return
        known = triage.organization_of(self._db, written) if written else None
        organization = self._keys.line("Organization: ", neutral(known or ""))
        if organization is None:
            return
        self._settled(self._words.create(row["message_id"], name, written, organization))

    def _dismiss(self) -> None:
        message = self._looked_at()["message_id"]
        self._settled(self._words.dismiss(message, [message]))

    def _dismiss_all(self) -> None:
        row = self._looked_at()
        address = row["party_address"]
        if address is None:
            self._said = "no address is known of it; d dismisses this mail"
            return
        of_it = triage.ids(self._db, triage.Wanted(address=address))
        everything = list(dict.fromkeys([row["message_id"], *of_it]))
        self._settled(self._words.dismiss(row["message_id"], everything, whose=address))

    def _never_log(self) -> None:
        self._said = "never-log comes later"

    def _settled(self, told: str) -> None:
        """Say what was done, and go on unless the mail still waits."""
        self._said = told
        if self._row is not None and triage.one(self._db, self._row["message_id"]) is None:
            self._next()

    # ------------------------------------------------------------ looking closer

    def _open(self) -> None:
        from relay.cli.letter_page import letter_page

        self._read(letter_page(reading.letter(self._db, self._looked_at()["message_id"]), screen()))

    def _explain(self) -> None:
        from relay.cli.explain_page import explain_page
        from relay.store.reasons import reasons

        self._read(explain_page(reasons(self._db, self._looked_at()["message_id"]), screen()))

    def _help(self) -> None:
        self._read(triage_page.help_page(screen()))

    def _read(self, lines: list[str]) -> None:
        """Lines that may be longer than the screen, until a key brings the mail back."""
        display = screen()
        _show([*lines, "", display.paint("any key: back to the list", "dim")], display)
        while self._keys.key() == RESIZED:
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
