"""What DNS says of the capture domain and of this host, judged. Pure: answers are arguments.

The relay never sends, so nobody may send as the capture domain (SPF -all, DMARC reject); and mail for it must lead
here, or to a mail server of ours that passes it on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import ip_address

from relay.doctor import zone
from relay.doctor.finding import Finding, error, hint, ok, unseen, warning
from relay.mail import dmarc as dmarc_records
from relay.proof.resolver import Answer


def _unanswered(check: str, name: str, answer: Answer) -> Finding:
    return unseen(check, f"{name}: DNS did not answer ({answer.fault})", "see the check resolver")


def mx(domain: str, hostname: str, answer: Answer, *, passed_on: bool, ours: bool = False) -> Finding:
    """`passed_on`: another mail server of ours may hand mail in, by the configuration. `ours`: people write from it."""
    if ours:
        told = f"{domain} is one of our own domains: its mail server must pass on what comes for the capture address"
        todo = 'editor bcc-relay.toml    # [admission] networks = ["192.0.2.10/32"], the address of that server'
        return ok("mx", told) if passed_on else warning("mx", f"{told}, and none is in [admission]", todo)
    if answer.fault:
        return _unanswered("mx", domain, answer)
    names = [record.partition(" ")[2] for record in sorted(answer.records, key=_preference)]
    line = str(zone.mx(domain, hostname))
    if hostname in names:
        others = [name for name in names if name != hostname]
        if others:
            return warning("mx", f"{domain}: some mail goes to {', '.join(others)} and not to {hostname}", line)
        return ok("mx", f"mail for {domain} goes to {hostname}")
    if not names:
        if passed_on:
            return hint("mx", f"{domain} has no MX: right if only your own mail server hands in mail", line)
        return error("mx", f"{domain} has no MX: no mail comes here by itself", line)
    told = f"mail for {domain} goes to {', '.join(names)}, not to {hostname}"
    if passed_on:
        return hint("mx", f"{told}: right if that server passes it on to this one", line)
    return error("mx", told, line)


def _preference(record: str) -> int:
    number = record.partition(" ")[0]
    return int(number) if number.isdigit() else 0


def addresses(hostname: str, answers: Sequence[Answer], machine: Sequence[str], *, passed_on: bool) -> Finding:
    """Do the A and AAAA records of our name lead to this machine?"""
    fault = next((answer for answer in answers if answer.fault), None)
    found = [record for answer in answers for record in answer.records]
    if fault is not None and not found:
        return _unanswered("address", hostname, fault)
    here = zone.public(machine)
    lines = "; ".join(str(zone.a(hostname, each)) for each in here or [zone.PLACEHOLDER])
    if not found:
        told = f"{hostname} has no address"
        return hint("address", told, lines) if passed_on else error("address", told, lines)
    own = {ip_address(each.partition("%")[0]) for each in machine}
    strange = [each for each in found if ip_address(each) not in own]
    if not strange:
        return ok("address", f"{hostname} is this machine ({', '.join(found)})")
    told = f"{hostname} leads to {', '.join(strange)}, which is no address of this machine"
    if not here:
        return hint("address", f"{told}: right if a router or a container passes port 25 on")
    return error("address", told, lines)


def reverse(address: str, hostname: str, name: str) -> Finding:
    """`name`: what DNS calls the address and leads back to it, empty for none. We send no mail: it is for people."""
    if name == hostname:
        return ok("reverse", f"{address} is called {hostname}, and back")
    told = f"{address} is called {name}" if name else f"{address} has no name that leads back to it"
    line = f"{ip_address(address).reverse_pointer}.  IN  PTR  {hostname}."
    return hint("reverse", f"{told}; some mail servers distrust hosts of another name", line)


def spf(domain: str, answer: Answer, *, ours: bool) -> Finding:
    """`ours`: our people send mail from this domain."""
    if answer.fault:
        return _unanswered("spf", domain, answer)
    records = [text for text in answer.records if text.lower() == "v=spf1" or text.lower().startswith("v=spf1 ")]
    if ours:
        return ok("spf", f"{domain} is one of our own domains, which send mail: not judged here")
    if not records:
        return warning("spf", f"{domain} does not say that nobody sends as it", str(zone.spf(domain)))
    if len(records) > 1:
        return warning("spf", f"{domain} has {len(records)} SPF records, so none counts", str(zone.spf(domain)))
    words = records[0].lower().split()[1:]
    if words == ["-all"]:
        return ok("spf", f"nobody sends as {domain} (v=spf1 -all)")
    return warning("spf", f"{domain} lets somebody send as it, and the relay never sends", str(zone.spf(domain)))


def dmarc(domain: str, found: Sequence[tuple[str, Answer]], *, ours: bool) -> Finding:
    """`found`: the names that may hold its record, with their answers, in the order in which they count."""
    for name, answer in found:
        if answer.fault:
            return _unanswered("dmarc", name, answer)
        stated = dmarc_records.policy(answer.records)
        if stated is None:
            continue
        wanted = stated.policy if name == f"_dmarc.{domain}" else stated.subdomains
        if wanted == "reject":
            return ok("dmarc", f"mail that pretends to come from {domain} is to be refused (p=reject)")
        if ours:
            return hint("dmarc", f"{domain} says p={wanted}: forged mail of your people is refused only by p=reject")
        return warning("dmarc", f"{domain} says p={wanted} of forged mail", str(zone.dmarc(domain)))
    if ours:
        return hint("dmarc", f"{domain} has no DMARC record: forged mail of your people is refused only by p=reject")
    return warning("dmarc", f"{domain} does not say what to do with forged mail", str(zone.dmarc(domain)))


def mta_sts(domain: str, hostname: str, answer: Answer, policy: str | None, why: str, day: str) -> list[Finding]:
    """`policy`: the text of its file, None where it was not fetched, and `why` not. `day`: YYYYMMDD."""
    if answer.fault:
        return [_unanswered("mta-sts", domain, answer)]
    if not any(text.startswith("v=STSv1") for text in answer.records):
        told = f"{domain} has no MTA-STS: senders take a connection without TLS for an honest one (optional)"
        return [hint("mta-sts", told, f"{zone.mta_sts(domain, day)}, and {zone.policy(domain, hostname)}")]
    if policy is None:
        return [unseen("mta-sts", f"the policy of {domain} was not read: {why}", zone.policy(domain, hostname))]
    keys: dict[str, list[str]] = {}
    for line in policy.splitlines():
        name, _, value = line.partition(":")
        keys.setdefault(name.strip().lower(), []).append(value.strip().lower())
    if keys.get("version") != ["stsv1"] or not keys.get("mode"):
        return [warning("mta-sts", f"the policy of {domain} is none", zone.policy(domain, hostname))]
    if not any(_matches(pattern, hostname) for pattern in keys.get("mx", [])):
        told = f"the policy of {domain} does not name {hostname}: senders that keep it send nothing here"
        return [error("mta-sts", told, zone.policy(domain, hostname))]
    mode = keys["mode"][0]
    if mode != "enforce":
        return [hint("mta-sts", f"the policy of {domain} is in mode {mode}", zone.policy(domain, hostname))]
    return [ok("mta-sts", f"senders must use TLS to {hostname} (MTA-STS of {domain})")]


def _matches(pattern: str, hostname: str) -> bool:
    """As RFC 8461 §4.1 compares: an asterisk is one label."""
    return pattern == hostname or (pattern[:2] == "*." and hostname.partition(".")[2] == pattern[2:])


def tls_reports(domain: str, answer: Answer) -> Finding:
    if answer.fault:
        return _unanswered("tls-rpt", domain, answer)
    if any(text.startswith("v=TLSRPTv1") for text in answer.records):
        return ok("tls-rpt", f"senders report to you when TLS to {domain} fails")
    return hint("tls-rpt", f"nobody tells you when TLS to {domain} fails (optional)", str(zone.tls_reports(domain)))


def tlsa(hostname: str, answer: Answer, keys: Iterable[str], whole: Iterable[str], *, signed: bool) -> Finding | None:
    """`keys`, `whole`: SHA-256 of the public keys and of the certificates that are shown, ours first, hexadecimal.
    `signed`: the zone is, by DNSSEC. None: there is nothing to say.
    """
    if answer.fault:
        return _unanswered("tlsa", hostname, answer) if signed else None
    of_keys, of_whole = list(keys), list(whole)
    if not answer.records:
        if signed and of_keys:
            told = f"the zone of {hostname} is signed and does not tell the certificate (optional)"
            return hint("tlsa", told, str(zone.tlsa(hostname, of_keys[0])))
        return None
    if not signed:
        return hint("tlsa", f"the TLSA record of {hostname} counts for nothing: its zone is not signed (DNSSEC)")
    if not of_keys:
        return unseen("tlsa", f"{hostname} has TLSA records, and no certificate was seen to compare them with")
    for record in answer.records:
        fields = record.lower().split()
        if len(fields) < 4 or fields[2] != "1":
            continue  # SHA-512 and whole data are rare
        usage, selector, digest = fields[0], fields[1], "".join(fields[3:])
        among = of_keys if selector == "1" else of_whole
        if digest in (among[:1] if usage in ("1", "3") else among):
            return ok("tlsa", f"the TLSA record of {hostname} is that of its certificate")
    told = f"no TLSA record of {hostname} fits its certificate: senders that look at it send nothing here"
    return error("tlsa", told, str(zone.tlsa(hostname, of_keys[0])))


def resolver(server: str, answer: Answer, seconds: float, limit: float) -> Finding:
    """`limit`: [dns] timeout, for all questions of one message together."""
    if answer.fault:
        told = f"the resolver {server} does not answer ({answer.fault}): senders hear 451 and try again"
        return error(
            "resolver", told, 'editor bcc-relay.toml    # [dns] servers = ["127.0.0.1"], one near this machine'
        )
    told = f"the resolver {server} answers in {seconds * 1000:.0f} ms"
    if seconds > limit / 8:
        todo = 'apt-get install unbound    # and [dns] servers = ["127.0.0.1"]'
        return warning("resolver", f"{told}: a mail's proofs take several questions, and {limit:g} s in all", todo)
    return ok("resolver", told)
