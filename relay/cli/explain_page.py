"""Why a message stands where it stands, in plain words. Pure: the facts of `relay.store.reasons` in, sentences out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from relay.attribution import telling
from relay.attribution.telling import told
from relay.cli import explain_leads, explain_origin
from relay.cli.explain_leads import SHOWN, named
from relay.cli.terminal import Screen, neutral, wrap
from relay.cli.words import in_full, many

Row = Mapping[str, Any]
Sections = list[tuple[str, list[str]]]
"""(label, its sentences), in the order in which a mail meets the decisions."""

LABEL = 11
PARTIES = 10

_ROLES = {"from": "wrote it", "sender": "sent it", "reply-to": "is to be answered", "bcc": "got it unseen (bcc)"}
_ROLES |= {"to": "got it", "cc": "got a copy (cc)"}


def explain_page(found: Row, display: Screen) -> list[str]:
    """The sentences with their labels, wrapped to the screen."""
    head = f"Message {found['id']}: {neutral(found['subject']) or '(no subject)'}"
    lines = [display.paint(line, "bold") for line in wrap(head, display.columns)]
    for label, sentences in explained(found):
        for at, sentence in enumerate(sentences):
            style = "yellow" if label in ("Defects", "Dangers", "Set aside") else "dim"
            shown = display.paint((label if at == 0 else "").ljust(LABEL), style)
            for number, line in enumerate(wrap(_plain(sentence, display), display.columns - LABEL)):
                lines.append((shown if number == 0 else " " * LABEL) + line)
    return lines


def _plain(sentence: str, display: Screen) -> str:
    if display.unicode:
        return sentence
    return sentence.replace("’", "'").replace("“", '"').replace("”", '"')


def explained(found: Row) -> Sections:
    """Everything, as sentences."""
    sections = [
        ("Came", _came(found)),
        ("Origin", [each for one in found["envelopes"][:SHOWN] for each in explain_origin.origin(one)]),
        ("About", _about(found)),
        ("On it", _parties(found)),
        ("Direction", _direction(found)),
        ("Date", [f"{in_full(found['originated_at'])}, {told(telling.DATE_SOURCES, found['date_source'])}"]),
        ("Thread", _thread(found)),
        ("Leads", explain_leads.leads(found)),
        ("Deals", explain_leads.deals(found)),
        ("Tags", explain_leads.tags(found)),
        ("Set aside", explain_leads.set_aside(found)),
        ("Automatic", explain_leads.automatic(found)),
        ("Addresses", explain_leads.health(found)),
        ("Kept", _kept(found)),
        ("Dangers", _dangers(found)),
        ("Defects", [f"{name}: {told(telling.DEFECTS, name)}" for name in map(_word, found["defects"])]),
    ]
    return [(label, sentences) for label, sentences in sections if sentences]


def _word(name: object) -> str:
    return neutral(str(name))


def _came(found: Row) -> list[str]:
    sentences = []
    for each in found["envelopes"][:SHOWN]:
        who = named(each["staff_name"], each["staff_id"], "staff") if each["staff_id"] else ""
        who = who or f"nobody of ours that we know (reverse-path <{neutral(each['reverse_path'])}>)"
        paths = ", ".join(map(neutral, each["forward_paths"][:SHOWN])) or "no recipient"
        by = told(telling.ADMISSIONS, each["admitted_by"]) or "no rule is noted"
        client = neutral(each["client"]) or "an unnamed client"
        note = " With a note of theirs (`bcc-relay show`)." if each.get("has_note") else ""
        sentences.append(
            f"{in_full(each['received_at'])} as {neutral(each['route'])} for {paths}, handed in by {who} from {client};"
            f" let in because {by}.{note} Vault id {each['vault_id']}."
        )
    more = len(found["envelopes"]) - SHOWN
    return [*sentences, f"and {many(more, 'copy', 'copies')} more."] if more > 0 else sentences


def _about(found: Row) -> list[str]:
    sentences: dict[str, None] = {}
    for each in found["envelopes"]:
        how = telling.evidence(_word(each["evidence"]))
        route = told(telling.ROUTES, each["route"])
        sentences.setdefault(f"{route[:1].upper()}{route[1:]}" + (f"; {how}." if how else "."))
        if each["written_date"]:
            sentences.setdefault(f"The forward says that it was written: {neutral(each['written_date'])}.")
    if len(found["envelopes"]) > 1:
        sentences.setdefault(
            f"It came {many(len(found['envelopes']), 'time')}; the best copy decides what it says (the message itself"
            " before an attached one before one copied into a text), among equals the first."
        )
    if found["aliases"]:
        sentences.setdefault(f"The same as {', '.join(map(str, found['aliases']))}, which were merged into it.")
    return list(sentences)


def _parties(found: Row) -> list[str]:
    sentences = []
    if found.get("author_name") and not found.get("author_address"):
        sentences.append(f"{neutral(found['author_name'])} wrote it: a name without an address, and none is guessed.")
    without_tag = {each["address"] for each in found["held_by"] if each["rank"]}
    for party in found["parties"][:PARTIES]:
        leads = ", ".join(named(lead["name"], lead["id"], "lead") for lead in party["leads"])
        ours = ", ".join(named(one["name"], one["id"], "staff") for one in party["staff"])
        if ours:
            who = f"ours: {ours}"
        elif leads:
            who = leads + (", found without its plus tag" if party["address"] in without_tag else "")
        elif party["own_domain"]:
            who = "ours by its domain, nobody known by name"
        else:
            who = "nobody known"
        sentences.append(f"{neutral(party['address'])} {_ROLES[party['role']]}: {who}.")
    more = len(found["parties"]) - PARTIES
    if more > 0:
        sentences.append(f"and {more:,} more.")
    if not sentences:
        sentences.append("nobody: capture addresses never count.")
    return sentences


def _direction(found: Row) -> list[str]:
    reason = told(telling.DIRECTIONS, found["direction_reason"])
    return [f"{found['direction']}: {reason or 'no reason is noted'}."]


def _thread(found: Row) -> list[str]:
    thread = found["thread"]
    others = thread["message_count"] - 1
    if others <= 0:
        sentences = ["No other message shares a Message-ID and the subject with it: a conversation of its own."]
    else:
        ids = ", ".join(str(each["message_id"]) for each in thread["neighbours"][:SHOWN])
        more = others - min(len(thread["neighbours"]), SHOWN)
        sentences = [
            f"Thread {found['thread_id']}, with {many(others, 'other message')} ({ids}"
            + (f" and {more:,} more" if more > 0 else "")
            + "): they share Message-IDs (own, In-Reply-To, References) and the subject."
        ]
    for reference in found.get("references", ())[:SHOWN]:
        where = f"message {reference['message_id']}" if reference["message_id"] else "never reached us"
        sentences.append(f"It refers to <{neutral(reference['internet_message_id'])}>: {where}.")
    return sentences


def _kept(found: Row) -> list[str]:
    sentences = []
    if found["facts_only"]:
        sentences.append("Facts only, no text and no parts ([filing] unknown); they come when it gets a lead.")
    if found["waits"]:
        sentences.append("It waits to be read again from the vault; the filer does that in a moment.")
    if found["visibility"] != "all":
        sentences.append(f"Shown to: {_word(found['visibility'])}.")
    if found.get("outdated"):
        sentences.append(f"Read by parser {_word(found['parser'])}; `bcc-relay refile {found['id']}` reads it anew.")
    return sentences


def _dangers(found: Row) -> list[str]:
    flagged = [part for part in found["parts"] if part["danger"]][:SHOWN]
    return [
        f"{neutral(part['filename']) or '(no name)'} ({neutral(part['media_type'])}): "
        f"{_word(part['danger'])}, {told(telling.DANGERS, part['danger'])}"
        for part in flagged
    ]


def unfiled_page(vault_id: str, sentences: Sequence[str], display: Screen) -> list[str]:
    """A vault id that is no message."""
    told_so = " ".join([f"Mail {vault_id}:", *sentences])
    return wrap(_plain(told_so, display), display.columns)
