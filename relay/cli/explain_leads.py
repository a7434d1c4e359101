"""Why a message is on its leads and deals, and what did not count, in sentences. Pure. Part of `explain_page`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from relay.attribution import telling
from relay.attribution.telling import told
from relay.cli.terminal import neutral
from relay.cli.words import in_full

Row = Mapping[str, Any]

SHOWN = 5
"""Names told before it says how many more there are."""


def named(name: object, number: object, kind: str) -> str:
    """`Anna (lead 1)`, or `lead 1`."""
    return f"{neutral(str(name))} ({kind} {number})" if name else f"{kind} {number}"


def leads(found: Row) -> list[str]:
    """Each lead with its reason, or why there is none."""
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
            decision = decided.get(lead["lead_id"])
            if decision is not None:
                why += f"; {_decided(decision, decision['reason'])}, too"
        elif lead["reason"] == "thread":
            why = "no address says so, but all other mail of the thread that has a lead is on this one"
        else:
            why = _decided(decided.get(lead["lead_id"]), lead["reason"])
        sentences.append(f"On {named(lead['name'], lead['lead_id'], 'lead')}: {why}.")
    sentences += _shared(found)
    if found["direction"] == "internal" and any(x["reason"] in ("address", "thread") for x in found["leads"]):
        sentences.append("No timeline shows it: it is mail among ourselves, and nobody put it there.")
    return sentences or [_none(found)]


def _shared(found: Row) -> list[str]:
    """Addresses that stand for several leads."""
    return [
        f"{neutral(party['address'])} is an address of several leads"
        f" ({', '.join(named(one['name'], one['id'], 'lead') for one in party['leads'][:SHOWN])}): each has the mail,"
        " unless a tag or a person says which is meant."
        for party in found["parties"]
        if len(party["leads"]) > 1
    ][:SHOWN]


def _decided(decision: Row | None, reason: str) -> str:
    """Who decided it, and when."""
    if decision is None:
        return told(telling.DECISIONS, reason)
    by = (
        named(decision["decided_by_name"], decision["decided_by"], "staff")
        if decision["decided_by"]
        else "nobody named"
    )
    who = "" if decision["reason"] in ("address-tag", "subject-tag") else f"{by}, "
    return f"{told(telling.DECISIONS, decision['reason'])} ({who}{in_full(decision['decided_at'])})"


def _none(found: Row) -> str:
    if found["status"] == "unparsed":
        return "On none: it could not be read, so nobody is on it."
    if found["direction"] == "internal":
        return "On none: it is mail among ourselves."
    if found["dismissed_at"]:
        return f"On none: it was taken from the list of unresolved mail ({in_full(found['dismissed_at'])})."
    if found["automatic"] in ("bounce", "auto-reply") and found.get("reported"):
        return "On none: it is a notice of a mail system, which waits for nobody; what it says of addresses counts."
    of_thread = found["thread"]["leads"]
    if len(of_thread) > 1:
        who = ", ".join(named(each["name"], each["lead_id"], "lead") for each in of_thread[:SHOWN])
        return f"On none: no address on it is a lead’s, and its thread has several leads ({who}), so it says nothing."
    number = found["id"]
    outside = [p for p in found["parties"] if not p["staff"] and not p["own_domain"]]
    if not outside:
        return f"On none: nobody outside is on it. `bcc-relay attach {number} LEAD` puts it on one."
    if len(of_thread) == 1 and _is_off(found, of_thread[0]["lead_id"]):
        who = named(of_thread[0]["name"], of_thread[0]["lead_id"], "lead")
        return f"On none: no address on it is a lead’s, and it was taken off {who}, the one lead of its thread."
    return f"On none: no address on it is a lead’s. `bcc-relay lead add NAME --from {number}` makes one."


def _is_off(found: Row, lead: int) -> bool:
    return any(each["verdict"] == "detach" and each["lead_id"] == lead for each in found["decisions"])


def set_aside(found: Row) -> list[str]:
    """What was considered and did not count."""
    has_address = {each["lead_id"] for party in found["parties"] for each in _ids(party["leads"])}
    sentences = []
    for each in found["decisions"]:
        if each["verdict"] != "detach":
            continue
        who = named(each["name"], each["lead_id"], "lead")
        address = " An address of it is on the mail all the same." if each["lead_id"] in has_address else ""
        if each["reason"] in ("address-tag", "subject-tag"):
            sentences.append(f"Not on {who}: a tag named another lead with the same address.{address}")
        else:
            sentences.append(f"Not on {who}, whatever the rules say: {_decided(each, each['reason'])}.{address}")
    for each in found["set_aside"]:
        who = named(each["name"], each["lead_id"], "lead")
        written = neutral(each["written"])
        if each["why"] == "staff":
            sentences.append(f"{who} has {written}, but that is an address of our people: it never counts for a lead.")
        else:
            sentences.append(
                f"{who} has {written}, but another lead has exactly {neutral(each['address'])}, so that one counts."
            )
    several = found["thread"]["leads"]
    if found["leads"] and len(several) > 1 and not any(x["reason"] == "thread" for x in found["leads"]):
        who = ", ".join(named(each["name"], each["lead_id"], "lead") for each in several[:SHOWN])
        sentences.append(f"Its thread has {len(several)} leads ({who}); each message counts by its own addresses.")
    return sentences + [
        f"{neutral(each['address'])} stands on the never-log list today ({each['mode']}); what is here already stays"
        " until `bcc-relay never-log add PATTERN --purge`."
        for each in found.get("never_log", ())
    ]


def _ids(owners: list[Row]) -> list[Row]:
    return [{"lead_id": each["id"]} for each in owners]


def tags(found: Row) -> list[str]:
    """What capture addresses and the subject asked for, and what became of it."""
    sentences = []
    known = set()
    for each in found.get("asked", ()):
        known.add(each["tag"])
        where = "the subject" if each["source"] == "subject" else "the capture address"
        asked = f"{neutral(each['tag'])}, in {where}"
        lead = named(each["lead_name"], each["lead_id"], "lead") if each["lead_id"] else "nothing that is here"
        sentences.append(
            {
                "applied": f"{asked}: {_applied(found, each['lead_id'])}, it names {lead}.",
                "disputed": f"{asked}: not applied, it names {lead}, which does not agree with who is on the mail"
                " or with another tag.",
                "unknown": f"{asked}: it names nothing that is here; it is looked at again when that comes.",
            }.get(each["state"], f"{asked}: it waits to be looked at.")
        )
    sentences += [
        f"{neutral(tag)}, in the capture address: it speaks of this copy, not of a lead."
        for tag in found.get("tags", ())
        if tag not in known
    ]
    return sentences


def _applied(found: Row, lead: int) -> str:
    """A tag is applied once: what people and CRMs decide about the same lead stands, before it and after."""
    decided = next((each for each in found["decisions"] if each["lead_id"] == lead), None)
    if decided is not None and decided["verdict"] == "detach":
        return "not applied, for somebody took the mail off that lead"
    if decided is None:
        return "applied once, and the decision was taken away since"
    if decided["reason"] not in ("address-tag", "subject-tag"):
        return "nothing to do, somebody put the mail there"
    return "applied"


_BECAUSE = {
    "only-open": "the only deal of the lead that was open when it was written",
    "thread": "the deal of its thread",
    "ambiguous": "several were open when it was written, and nothing says which is meant",
    "none-open": "none of the lead’s deals was open when it was written",
}


def deals(found: Row) -> list[str]:
    """The deal on each lead that has any, and why."""
    sentences = []
    for each in found.get("deals", ()):
        lead = named(each["name"], each["lead_id"], "lead")
        because = _BECAUSE.get(each["because"]) or told(telling.DECISIONS, each["because"])
        if each["deal_id"]:
            sentences.append(f"Of {lead}: {named(each['deal_title'], each['deal_id'], 'deal')}: {because}.")
            others = [one for one in each["candidates"] if one["deal_id"] != each["deal_id"]]
            if others:
                sentences.append(f"Open then, too: {_deals(others)}.")
        elif each["because"] == "ambiguous":
            how = f"`bcc-relay attach {found['id']} {each['lead_id']} --deal D` says it"
            sentences.append(f"Of {lead}: none, {because}: {_deals(each['candidates'])}; {how}.")
        else:
            sentences.append(f"Of {lead}: none, {because}.")
    return sentences


def _deals(some: list[Row]) -> str:
    shown = ", ".join(named(each["title"], each["deal_id"], "deal") for each in some[:SHOWN])
    return shown + (f" and {len(some) - SHOWN} more" if len(some) > SHOWN else "")


def automatic(found: Row) -> list[str]:
    """That it is no person's mail, and what it says of addresses."""
    sentences = []
    if found["automatic"]:
        sentences.append(
            f"{neutral(found['automatic'])}: {told(telling.AUTOMATIC, found['automatic'])};"
            " it does not count as contact."
        )
    for each in found.get("reported", ()):
        reason = f" ({neutral(each['reason'])})" if each["reason"] else ""
        what = "failed for good" if each["permanent"] else f"{neutral(each['action']) or 'is in doubt'}, for now"
        believed = (
            "" if not each["permanent"] or each["believed"] else ", not believed: no mail of ours to it is known here"
        )
        sentences.append(f"Mail to {neutral(each['address'])} {what}{reason}{believed}.")
    absence = found.get("absence")
    if absence:
        who = neutral(absence["address"])
        if absence["has_left"]:
            sentences.append(f"{who} is said to have left.")
        if absence["absent_until"]:
            sentences.append(f"{who} is said to be away until {absence['absent_until'][:10]}.")
    return sentences


def health(found: Row) -> list[str]:
    """What automatic mail said of those who are on it."""
    sentences = []
    for each in found.get("health", ()):
        facts = []
        if each["bounced_at"]:
            facts.append(f"mail to it failed for good on {each['bounced_at'][:10]}")
        if each["left_at"]:
            facts.append(f"its owner is said to have left (since {each['left_at'][:10]})")
        if each["absent_until"]:
            facts.append(f"its owner is said to be away until {each['absent_until'][:10]}")
        if facts:
            sentences.append(f"{neutral(each['address'])}: {', and '.join(facts)}.")
    return sentences
