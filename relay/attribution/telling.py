"""Telling: every short name that a decision leaves in the database, as a sentence for a person.

Routes, evidence, admissions, directions, sources of a date, reasons for a lead, and all defects. Pure; who
decides something new adds its sentence here (a test holds the lists against the code), and `explain`,
`show` and docs/explain.md have it at once.
"""

from __future__ import annotations

ROUTES = {
    "bcc": "a copy: it was sent to others and the capture address got it too, so it is about itself",
    "direct": "written to the capture address, with no forwarded message found in it: it is about itself",
    "forward": "a forward: the original was copied into its text",
    "attached": "a forward: the original was attached to it",
    "redirect": "a redirect: the original, resent to us unchanged",
    "journal": "a journal report of a mail server, with the original in it",
    "import": "imported: taken out of a mailbox, so it is about itself",
}
"""`envelope.route`."""

EVIDENCE = {
    "": "",
    "attached": "it is the attached message itself: certain",
    "attached-file": "it is a message in an attached file, known by its octets: certain",
    "outlook": "it is the attached message of Outlook (.msg) itself: certain",
    "resent": "its Resent fields say so (RFC 5322): certain",
    "auto-forwarded": "a rule sent it on unchanged, as a field of the forwarding server says: certain",
    "list-author": "a list of ours put its own address into From; who wrote it stands in another field: likely",
    "journal": "it is the message in a journal report of a server that is trusted: certain",
    "journal-facts": "the journal report had no message in it, so only what the report says is known: certain",
    "title": "a title that only forwards have stands above it: certain",
    "original-title": "a title like “Original Message” stands above it; replies have it too, so recipients and"
    " subject decided: likely",
    "rule": "a line and a block of From, Date, To stand above it; replies have them too, so recipients and subject"
    " decided: likely",
    "block": "a block of From, Date, To stands above it; replies have it too, so recipients and subject decided:"
    " likely",
    "rows": "rows like From, Date, To in no language that is known, with the mail’s own subject among them; their order"
    " told who wrote: likely",
    "attribution": "a line like “On Monday Ann wrote:” stands above it; mostly replies have it: the least sure",
}
"""`envelope.evidence`, without the `html-` or `text-` before it."""

EVIDENCE_IN = {"html": "found in the HTML by the marks of a client", "text": "found in the text"}

ADMISSIONS = {
    "network": "the client’s network is trusted ([admission] networks)",
    "lmtp": "it came through the LMTP socket, and who may open that is trusted",
    "deliver": "it came by `bcc-relay deliver`, run by a user who may write the vault",
    "import": "it was taken out of a mailbox by `bcc-relay import`, run by a user who may write the vault",
    "auth": "a colleague logged in and is who wrote it",
    "upstream": "a server of ours says that the author’s domain stands for it ([[admission.upstream]])",
    "dkim": "a signature (DKIM) of the author’s domain, over this very mail, is valid",
    "spf": "it was sent from a server that the author’s domain names (SPF)",
    "arc": "a server that is believed ([admission] arc_sealers) sealed that it was proved when it passed there (ARC)",
    "personal-address": "it was sent to a colleague’s personal address",
    "known-thread": "its author is on a conversation that is here, is proved, and answered to all",
}
"""`envelope.admitted_by`."""

TRUSTS = {
    "proved": "the author’s domain, or the author’s password, stands for this very mail",
    "vouched": "a server or a person whom we trust says so",
    "address only": "whoever sent it knew a secret address; who wrote it is its own word",
}
"""`envelope_proof.trust`."""

SIGNATURES = {
    "algorithm": "made in a way that its key is not for",
    "body-changed": "the text was changed on the way",
    "body-length": "it covers only the beginning of the text, so the rest could be anybody’s",
    "expired": "it was to hold for a time that is over",
    "field-added": "beside a field that it covers stands a second one of the same name",
    "from-not-signed": "it does not cover From",
    "header-improper": "the header can be read in two ways",
    "in-the-future": "it is from a time that has not come",
    "key-long": "its key is longer than 8192 bits",
    "key-missing": "its key is not in DNS",
    "key-not-for-mail": "its key is not for mail",
    "key-not-for-sha256": "its key is not for SHA-256",
    "key-revoked": "its key was taken back",
    "key-short": "its key is shorter than 1024 bits, which others can find out",
    "key-syntax": "its key in DNS cannot be read",
    "no-answer": "DNS did not give its key in time",
    "sha1": "it is made with SHA-1, which is broken",
    "signature-wrong": "its header was changed on the way, or another key made it",
    "syntax": "it cannot be read",
    "user-domain": "its key is for addresses of that very domain only",
}
"""`envelope_signature.why`: why a DKIM signature does not count."""

DIRECTIONS = {
    "author-ours": "one of us wrote it, and somebody outside is on it",
    "author-outside": "somebody outside wrote it",
    "only-ours": "one of us wrote it, and only we are on it",
    "no-other-party": "one of us wrote it, to nobody that is named",
    "mail-system": "a mail system tells us something: it does not count as mail among ourselves, whoever signs it",
    "no-author": "it does not say who wrote it",
    "sender-not-recovered": "the forward does not say who wrote it (a name without an address)",
    "tag-out": "the mail server said that one of us sent it (an out+ address)",
    "tag-in": "the mail server said that one of us received it (an in+ address)",
    "unparsed": "it could not be read",
}
"""`message.direction_reason`."""

DATE_SOURCES = {
    "header": "from its Date field",
    "forwarded": "as the forward quotes it",
    "received": "when it came: it bears no date that can be believed",
}
"""`message.date_source`."""

AUTOMATIC = {
    "auto-reply": "an automatic answer, no person’s",
    "bounce": "a notice that mail could not be delivered",
    "list": "sent through a mailing list",
    "bulk": "a mailing, or written by a program",
    "calendar": "an invitation or an answer to one, made by a calendar",
}
"""`message.automatic`."""

DECISIONS = {
    "person": "a person decided so",
    "address-tag": "a tag in the capture address asked for it",
    "subject-tag": "a tag in the subject asked for it",
    "import": "it was imported so",
}
"""`explicit_attribution.reason`."""

OUTCOMES = {
    "filed": "it was filed, and its message is no longer here (erased)",
    "unparsed": "it could not be read, and its message is no longer here (erased)",
    "dropped": "it was dropped: a never-log rule says that such mail is not kept",
    "forgotten": "it was taken back (`bcc-relay forget`)",
}
"""`_vault_outcome.outcome` of mail that is no message."""

DEFECTS = {
    # reading the octets (docs/parsing.md)
    "bad-base64": "a part in base64 is damaged; what it still says was kept",
    "bad-uuencode": "a part in uuencode is damaged; the lines that can be read were kept",
    "bare-cr": "its lines end in CR alone",
    "blank-line-before-header": "a blank line stood before its header",
    "boundary-not-found": "the line that divides its parts never occurs; all of it was taken as text",
    "fallback-parser": "our own reader failed and the standard one read it, less well; `refile` after an upgrade",
    "header-too-long": "its header is longer than 1 MiB; the rest was left out",
    "junk-in-header": "its header has lines that are no fields; they were passed over",
    "mbox-line": "a line of an mbox file (“From ...”) stood before its header",
    "missing-author": "it has no From field that can be read",
    "missing-boundary": "it does not say what divides its parts; all of it was taken as text",
    "missing-date": "it has no Date field",
    "missing-header-end": "no blank line ends its header",
    "multipart-goes-on": "parts follow behind the end of the last one; they were read",
    "nested-too-deep": "its parts are nested deeper than 50 levels; the deepest was kept as it is",
    "too-many-addresses": "a field has more addresses than are read",
    "too-many-fields": "it has more than 10,000 header fields; the rest was left out",
    "too-many-parts": "it has more than 2,000 parts; the rest was left out",
    "unclosed-multipart": "its last part does not end; it was taken to the end of the mail",
    "undecodable-text": "some of its text is not in the character set that it names",
    "unknown-charset": "it names a character set that nobody knows; the likeliest was taken",
    "unknown-transfer-encoding": "a part has an encoding that nobody knows; it was kept as it is",
    "unparsable": "nothing of it could be read; it waits in the vault for a better reader (`refile`)",
    "unreadable-date": "its date is no date",
    "utf-16-message": "all of it was written in UTF-16, which mail does not allow; it was read so",
    "html-cut": "its HTML is longer than is kept; the rest is in the vault (`raw`)",
    "encrypted": "it is encrypted (S/MIME); only its header can be read",
    "outlook-cut": "an Outlook file (.msg, winmail.dat) is damaged or too large; what it still says was kept",
    "signature-not-opened": "it is wrapped in a signature (S/MIME) that could not be taken off; it was kept as a file",
    "text-cut": "its text is longer than is kept; the rest is in the vault (`raw`)",
    # what it means
    "date-in-future": "its date lies in the future; the time of its receipt counts",
    "date-too-old": "its date is from before there was mail; the time of its receipt counts",
    "forwarded-date-unread": "the date that the forward quotes could not be read; the time of its receipt counts",
    "forwarder-not-staff": "nobody of ours forwarded it",
    "journal-not-believed": "it looks like a journal report, but of no system of ours; what it carries was not filed",
    "journal-without-original": "the journal report had no message in it; only what the report says was filed",
    "recipient-without-address": "the forward names recipients without their addresses; they are not on it",
    "sender-not-recovered": "the forward does not give the address of who wrote it",
    "too-many-originals": "more than 200 messages were attached; the rest was left out",
    "too-many-parties": "more than 2,000 addresses are on it; the rest was left out",
    "wrapper-has-other-parts": "the forward had files of its own beside the original; they are in the vault only",
    "unknown-tag": "a tag says nothing we know, or names a lead or deal that is not here (yet)",
    "tag-not-ours": "an out+ or in+ tag names an address that is not ours; it was not believed",
    "tag-not-trusted": "an out+ or in+ tag came from a client that may not say so; it was not believed",
    "not-proved": "nothing proves who wrote it: it came to a personal address, which is a secret",
    "capture-address-visible": "a customer answered to all with a capture address in sight; tell the colleague: it"
    " belongs into Bcc",
    "personal-address-visible": "a personal address stands where outsiders read it; give its owner another one"
    " (`bcc-relay staff capture-address NAME --rotate`)",
    "tag-disagrees": "a tag names a lead that is not on the mail, or a second deal of one lead; it was not applied",
    "person-erased": "a person was taken out of it at her demand (`erase`), with her words where she wrote it",
    "attachments-not-kept": "it is so large that the contents of its attachments are not in the database ([filing]"
    " attachments_up_to); `bcc-relay raw` has them",
    "text-not-kept": "it has no known lead, so only facts are kept ([filing] unknown); its text comes with a lead",
    # our own faults
    "composing-failed": "a fault of ours while working out what it means; it waits in the vault (`refile`)",
    "filing-failed": "a fault of ours while writing it down; it waits in the vault (`refile`)",
    "filer-died": "it killed its reader twice; it waits in the vault (`refile` after an upgrade)",
}
"""`message.defects`."""


DANGERS = {
    "disguised": "it runs when it is opened, and its name says that it is a document",
    "program": "a program: it runs when it is opened",
    "script": "a script: it runs when it is opened",
    "shortcut": "a link to something else, which runs when it is opened",
    "disk-image": "a disk image: what is on it opens without a warning",
    "macros": "an Office document with macros",
    "active-page": "a page with a script, a frame or a redirect in it; never show it in the CRM",
    "packed-program": "an archive with a program, a script or a link in it",
    "locked": "an archive with a password: nobody can look into it",
}
"""`part.danger`, the worst first."""


def told(sentences: dict[str, str], name: str) -> str:
    """The sentence for a short name; the name itself, should a newer program have written it."""
    return sentences.get(name, name)


def evidence(name: str) -> str:
    """By what an original was found, and how sure that is."""
    place, dash, kind = name.partition("-")
    if dash and place in EVIDENCE_IN:
        return f"{EVIDENCE_IN[place]}: {told(EVIDENCE, kind)}"
    return told(EVIDENCE, name)
