"""Importing: old mail goes the way that new mail goes, each once, and live mail does not wait for it.

Decides what is done with each letter of a mailbox: left out (spam, bin, drafts), known already, or handed over. Letters
are handed over some at a time, and no more while many wait to be filed: the vault is in order, so a mail that comes in
meanwhile waits for what stands before it. What is here is known from the digests that the filer writes with each
imported mail; of what it has not filed yet we know ourselves. So all that an earlier run handed over must be filed
before a new one begins: then each mail is taken once, wherever that run was killed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from relay.attribution.directory import Directory
from relay.mail import header
from relay.mail.imported import digest
from relay.mail.mailbox import mailboxes
from relay.oldmail.kinds import is_sent, left_out
from relay.oldmail.letter import Damaged, Found, Letter, NoMail

BATCH = 64
"""Letters handed over together: one commit or two."""

BATCH_OCTETS = 8 << 20
"""Octets of them: what is held in memory, beside the largest mail."""

WAITING = 128
"""Mails that may wait for the filer when the next ones are handed over: a quarter of a second of filing."""

NAMED = 1000
"""Damaged mails kept by name; the others are counted."""

AUTHORS = 1000
"""Authors of sent mail that nobody knows, kept; an export has a handful of them."""


class Door(Protocol):
    """Where mail goes in."""

    def send(self, letters: Sequence[Letter]) -> list[str]:
        """Have these kept. Returns for each '' once it is on the disk, or why it is not taken. Raises ImportStopped."""
        ...

    def wait(self, at_most: int) -> bool:
        """Until no more than so many mails wait to be filed. False: nobody files. Raises ImportStopped."""
        ...


class ImportStopped(Exception):  # noqa: N818  an answer for a person
    """Why the import cannot go on now: one line. What was handed over is kept."""


@dataclass(slots=True)
class Sum:
    """What became of the mail. `left_out`: by reason. `damaged`: (place, why), the first of `damaged_count`.
    `strangers`: authors of mail in folders of sent mail who are none of ours.
    """

    taken: int = 0
    octets: int = 0
    known: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    damaged: list[tuple[str, str]] = field(default_factory=list)
    damaged_count: int = 0
    no_mail: int = 0
    strangers: Counter[str] = field(default_factory=Counter)

    @property
    def read(self) -> int:
        """Mails that were looked at."""
        return self.taken + self.known + self.left_out.total() + self.damaged_count

    def damage(self, place: str, why: str) -> None:
        self.damaged_count += 1
        if len(self.damaged) < NAMED:
            self.damaged.append((place, why))


class Importer:
    """Takes what is found in mailboxes. `door` None: a trial, nothing is handed over.

    `is_here` knows a digest.
    """

    def __init__(
        self,
        door: Door | None,
        is_here: Callable[[bytes], bool],
        directory: Directory,
        *,
        everything: bool = False,
    ) -> None:
        self.sum = Sum()
        self._door = door
        self._is_here = is_here
        self._directory = directory
        self._everything = everything
        self._batch: list[Letter] = []
        self._octets = 0
        self._under_way: dict[bytes, None] = {}  # handed over and perhaps not filed yet, in that order

    @property
    def gathered(self) -> bool:
        """Is there mail that was taken and not handed over?"""
        return bool(self._batch)

    def take(self, found: Found) -> None:
        """Deal with one thing that was found. Raises ImportStopped."""
        if isinstance(found, Damaged):
            self.sum.damage(found.place, found.why)
        elif isinstance(found, NoMail):
            self.sum.no_mail += 1
        elif not self._everything and (why := left_out(found)):
            self.sum.left_out[why] += 1
        else:
            self._take(found)

    def _take(self, letter: Letter) -> None:
        known_as = digest(letter.content)
        if known_as in self._under_way or self._is_here(known_as):
            self.sum.known += 1
            return
        self._under_way[known_as] = None
        self._look_at_author(letter)
        if self._door is None:
            self.sum.taken += 1
            self.sum.octets += len(letter.content)
            return
        self._batch.append(letter)
        self._octets += len(letter.content)
        if len(self._batch) >= BATCH or self._octets >= BATCH_OCTETS:
            self.hand_over()

    def hand_over(self) -> None:
        """Hand over what has gathered. Raises ImportStopped."""
        if not self._batch or self._door is None:
            return
        batch, self._batch, self._octets = self._batch, [], 0
        if self._door.wait(WAITING):
            # The vault is in order: what is not filed yet is among the last, all else is known by its digest.
            for _ in range(len(self._under_way) - WAITING - 2 * BATCH):
                self._under_way.pop(next(iter(self._under_way)))
        for letter, refused in zip(batch, self._door.send(batch), strict=True):
            if refused:
                self.sum.damage(letter.place, refused)
            else:
                self.sum.taken += 1
                self.sum.octets += len(letter.content)

    def _look_at_author(self, letter: Letter) -> None:
        """Sent mail by somebody whom we take for a stranger: an address of one of us that nobody told us, perhaps."""
        if not is_sent(letter):
            return
        fields, *_ = header.split(letter.content, 0, len(letter.content))
        authors = mailboxes([value for name, value in fields if name == b"from"])
        if authors and not self._directory.is_ours(authors[0].address):
            key = authors[0].address.key
            if key in self.sum.strangers or len(self.sum.strangers) < AUTHORS:
                self.sum.strangers[key] += 1
