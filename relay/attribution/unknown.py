"""Mail with no known lead: what is kept of it when the configuration says `[filing] unknown = "facts"`.

Where a mail server copies everything to us (always_bcc, journals), most of it is nobody's business. Of
such mail who, when, to whom and the subject are kept, which is what makes it found when a lead appears;
its text and its parts are not. A defect says so, and goes when the text is read again from the vault.
"""

from __future__ import annotations

from dataclasses import replace

from relay.attribution.record import Direction, Record

TEXT_NOT_KEPT = "text-not-kept"


def facts_only(record: Record) -> Record:
    """The record without anything of the body. An unparsed one has none."""
    if record.outcome != "filed":
        return record
    return replace(
        record,
        text="",
        quoted="",
        html="",
        note="",
        snippet="",
        parts=(),
        defects=(*(name for name in record.defects if name != TEXT_NOT_KEPT), TEXT_NOT_KEPT),
    )


def is_known(direction: str, reasons: frozenset[str]) -> bool:
    """Is a message on a lead, so that its text is kept? `reasons`: `lead_message.reason` of its rows on living leads.

    Mail among ourselves is kept only where a person put it on a lead: no timeline shows it otherwise.
    """
    if direction == Direction.INTERNAL:
        return bool(reasons - {"address", "thread"})
    return bool(reasons)
