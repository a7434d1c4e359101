"""Why a message stands where it stands, in plain words. Pure: the facts of `relay.store.reasons` in, sentences out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from relay.attribution import telling
from relay.attribution.telling import told
from relay.cli.terminal import Screen, neutral, wrap
from relay.cli.words import in_full, many

Row = Mapping[str, Any]
Sections = list[tuple[str, list[str]]]
"""(label, its sentences), in the order in which a mail meets the decisions."""

LABEL = 11
SHOWN = 5
"""Copies, parties beyond ours, neighbours shown before it says how many more there are."""

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
        ("About", _about(found)),
        ("On it", _parties(found)),
        ("Direction", _direction(found)),
        ("Date", [f"{in_full(found['originated_at'])}, {told(telling.DATE_SOURCES, found['date_source'])}"]),
        ("Thread", _thread(found)),
        ("Leads", _leads(found)),
        ("Set aside", _set_aside(found)),
        ("Tags", _tags(found)),
        ("Kept", _kept(found)),
        ("Dangers", _dangers(found)),
        ("Defects", [f"{name}: {told(telling.DEFECTS, name)}" for name in map(_word, found["defects"])]),
    ]
    return [(label, sentences) for label, sentences in sections if sentences]


def _word(name: object) -> str:
    return neutral(str(name))


def _name(name: object, number: object, kind: str) -> str:
    return f"{neutral(str(name))} ({kind} {number})" if name else f"{kind} {number}"


def _came(found: Row) -> list[str]:
    sentences = []
    for each in found["envelopes"][:SHOWN]:
        who = _name(each["staff_name"], each["staff_id"], "staff") if each["staff_id"] else ""
        who = who or f"nobody of ours that we know (reverse-path <{neutral(each['reverse_path'])}>)"
        paths = ", ".join(map(neutral, each["forward_paths"][:SHOWN])) or "no recipient"
        by = told(telling.ADMISSIONS, each["admitted_by"]) or "no rule is noted"
        client = neutral(each["client"]) or "an unnamed client"
        sentences.append(
            f"{in_full(each['received_at'])} for {paths}, handed in by {who} from {client}; let in because {by}."
            f" Vault id {each['vault_id']}."
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
    if found["automatic"]:
        sentences.setdefault(f"It is automatic: {told(telling.AUTOMATIC, found['automatic'])}.")
    return list(sentences)


def _parties(found: Row) -> list[str]:
    sentences = []
    for party in found["parties"][:PARTIES]:
        leads = ", ".join(_name(lead["name"], lead["id"], "lead") for lead in party["leads"])
        ours = ", ".join(_name(one["name"], one["id"], "staff") for one in party["staff"])
        if ours:
            who = f"ours: {ours}"
        elif leads:
            who = leads
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


def _leads(found: Row) -> list[str]:
    held: dict[int, list[str]] = {}
    for each in found["held_by"]:
        address, written = neutral(each["address"]), neutral(each["written"])
        said = address if each["rank"] == 0 else f"{address} without its plus tag, as {written}"
        held.setdefault(each["lead_id"], []).append(said)
    decided = {each["lead_id"]: each for each in found["decisions"] if each["verdict"] == "attach"}
    sentences = []
    for lead in found["leads"]:
        if lead["reason"] == "address":
            why = f"its address {' and '.join(held.get(lead['lead_id'], ['']))} is on the mail"
        elif lead["reason"] == "thread":
            why = "no address says so, but all other mail of the thread that has a lead is on this one"
        else:
            why = _decided(decided.get(lead["lead_id"]), lead["reason"])
        deal = f", deal {lead['deal_id']} ({neutral(lead['deal_title'] or '')})" if lead["deal_id"] else ""
        sentences.append(f"On {_name(lead['name'], lead['lead_id'], 'lead')}{deal}: {why}.")
    if found["direction"] == "internal" and any(x["reason"] in ("address", "thread") for x in found["leads"]):
        sentences.append("No timeline shows it: it is mail among ourselves, and nobody put it there.")
    return sentences or [_no_lead(found)]


def _decided(decision: Row | None, reason: str) -> str:
    """Who decided it, and when."""
    if decision is None:
        return told(telling.DECISIONS, reason)
    by = _name(decision["decided_by_name"], decision["decided_by"], "staff") if decision["decided_by"] else "a program"
    return f"{told(telling.DECISIONS, decision['reason'])} ({by}, {in_full(decision['decided_at'])})"


def _no_lead(found: Row) -> str:
    if found["status"] == "unparsed":
        return "On none: it could not be read, so nobody is on it."
    if found["direction"] == "internal":
        return "On none: it is mail among ourselves."
    if found["dismissed_at"]:
        return f"On none: it was taken from the list of unresolved mail ({in_full(found['dismissed_at'])})."
    leads = found["thread"]["leads"]
    if len(leads) > 1:
        named = ", ".join(_name(each["name"], each["lead_id"], "lead") for each in leads[:SHOWN])
        return f"On none: no address on it is a lead’s, and its thread has several leads ({named}), so it says nothing."
    outside = [p for p in found["parties"] if not p["staff"] and not p["own_domain"]]
    if not outside:
        return "On none: nobody outside is on it."
    return f"On none: no address on it is a lead’s. `bcc-relay lead add NAME --from {found['id']}` makes one."


def _set_aside(found: Row) -> list[str]:
    sentences = []
    for each in found["decisions"]:
        if each["verdict"] == "detach":
            who = _name(each["name"], each["lead_id"], "lead")
            sentences.append(f"Not on {who}, whatever the rules say: {_decided(each, each['reason'])}.")
    for each in found["set_aside"]:
        who = _name(each["name"], each["lead_id"], "lead")
        written = neutral(each["written"])
        if each["why"] == "staff":
            sentences.append(f"{who} has {written}, but that is an address of our people: it never counts for a lead.")
        else:
            sentences.append(
                f"{who} has {written}, but another lead has exactly {neutral(each['address'])}, so that one counts."
            )
    several = found["thread"]["leads"]
    if found["leads"] and len(several) > 1 and not any(x["reason"] == "thread" for x in found["leads"]):
        sentences.append(f"Its thread has {len(several)} leads; each message counts by its own addresses.")
    return sentences


def _tags(found: Row) -> list[str]:
    disputed = {each["tag"] for each in found["disputed_tags"]}
    applied = any(each["reason"] == "address-tag" for each in found["decisions"])
    result = "and applied" if applied else "and nothing was decided by it"
    sentences = [f"{_word(tag)} was asked for {result}." for tag in found.get("tags", ()) if tag not in disputed]
    for each in found["disputed_tags"]:
        named = f"lead {each['lead_id']}" if each["lead_id"] else "no lead that is here"
        sentences.append(f"{_word(each['tag'])} was not applied: it names {named}, which is not on the mail.")
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
