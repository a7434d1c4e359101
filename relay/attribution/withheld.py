"""Withheld: the records of one mail, once it is known whose mail must not be kept (`never_log`).

Every original is judged by itself: of a mail that carried several, those that may be kept are filed at their
positions. What the forwarder wrote above them is one text about all of them, so it is kept only if all are. A
listed person's own forward is dropped with all that it carries.

A dropped record goes to the store without anything of the mail; what is left tells the store which mail it
was, and by what a message filed before the entry was made is recognised.
"""

from __future__ import annotations

from dataclasses import replace

from relay.attribution import reported
from relay.attribution.directory import Directory
from relay.attribution.record import Direction, Record, Route
from relay.mail.address import Address
from relay.mail.message import Message

DROPPED = "dropped"
"""`Record.outcome` of what must not be kept: the store writes nothing of it."""

_WRAPPED = (Route.FORWARD, Route.ATTACHED, Route.JOURNAL)
"""Routes by which a mail object is not the message itself, but carries it."""


def withheld(records: tuple[Record, ...], wrapper: Message, directory: Directory) -> tuple[Record, ...]:
    """The records as they may be filed. `wrapper`: the mail that was handed in."""
    if not directory.never_log:
        return records
    if _wrapper_is_listed(records, wrapper, directory):
        return tuple(map(_dropped, records))
    judged = tuple(_judged(record, directory) for record in records)
    if any(record.outcome == DROPPED for record in judged):
        return tuple(replace(record, note="") for record in judged)
    return judged


def _wrapper_is_listed(records: tuple[Record, ...], wrapper: Message, directory: Directory) -> bool:
    """Is the mail around the originals by a listed person, or to one with whom no mail may be kept?"""
    if not any(record.route in _WRAPPED for record in records):
        return False
    people = {record.handed_in_by for record in records} - {None}
    author = wrapper.author[0].address if wrapper.author else None
    named = (*wrapper.author, *wrapper.to, *wrapper.cc, *wrapper.bcc)
    outside = Address("nobody", "outside.invalid")  # who else is on it does not matter here
    return directory.never_log.judge(
        (*(one.address for one in named), outside),
        author,
        frozenset(person for person in people if person is not None),
        directory.is_ours,
        internal=False,
    ).dropped


def _judged(record: Record, directory: Directory) -> Record:
    people = frozenset(person for person in (record.handed_in_by, record.staff_id) if person is not None)
    judged = directory.never_log.judge(
        [*(party.address for party in record.parties), *reported.addresses(record.told)],
        record.author,
        people,
        directory.is_ours,
        internal=record.verdict.direction is Direction.INTERNAL,
    )
    if judged.dropped:
        return _dropped(record)
    return without(record, judged.left_out) if judged.left_out else record


def without(record: Record, left_out: frozenset[str]) -> Record:
    """The record without these parties (address keys): neither on it nor among what the client said."""
    envelope = record.envelope
    reverse = envelope.reverse_path
    return replace(
        record,
        parties=tuple(party for party in record.parties if party.address.key not in left_out),
        told=reported.without(record.told, left_out),
        envelope=replace(
            envelope,
            reverse_path=None if reverse is not None and reverse.key in left_out else reverse,
            forward_paths=tuple(path for path in envelope.forward_paths if path.key not in left_out),
        ),
    )


def _dropped(record: Record) -> Record:
    """Which mail it was, and nothing of it. Digests stay: large parts may have been stored ahead of the facts."""
    parts = (replace(part, media_type="", filename="", content_id="", content=b"") for part in record.parts)
    return replace(
        record,
        outcome=DROPPED,
        thread_ids=(),
        subject="",
        author_name="",
        snippet="",
        parties=(),
        parts=tuple(parts),
        text="",
        quoted="",
        html="",
        note="",
        defects=(),
        tags=(),
        subject_tags=(),
        evidence="",
        written_date="",
    )
