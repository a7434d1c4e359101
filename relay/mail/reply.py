"""Replies: every sentence our server says, with its code and enhanced code (RFC 5321 §4.2, RFC 3463).

All texts stand here so that they can be read together: a rep must know from a refusal what to do, a
stranger must learn nothing. None ever repeats what the client sent. A permanent code (5xx) makes the
sender's server give the mail up, so any doubt of ours is a 4xx.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply: `code` (three digits), `enhanced` ('2.0.0', '' where the RFCs have none), `text`."""

    code: int
    enhanced: str
    text: str

    @property
    def wire(self) -> bytes:
        """The reply as it goes over the wire, one line. All our texts are ASCII."""
        return f"{self}\r\n".encode("ascii", "replace")

    def __str__(self) -> str:
        return f"{self.code} {self.enhanced} {self.text}" if self.enhanced else f"{self.code} {self.text}"


# -- the greeting and the session ------------------------------------------------------------------


def greeting(hostname: str) -> Reply:
    return Reply(220, "", f"{hostname} ESMTP bcc-relay")


def lmtp_greeting(hostname: str) -> Reply:
    return Reply(220, "", f"{hostname} LMTP bcc-relay")


def helo(hostname: str) -> Reply:
    return Reply(250, "", hostname)


def ehlo(hostname: str, max_size: int, *more: str) -> bytes:
    """The whole EHLO answer: exactly the extensions that work (RFC 5321 §4.1.1.1)."""
    lines = [hostname, "PIPELINING", f"SIZE {max_size}", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", *more]
    marked = [f"250-{line}" for line in lines[:-1]] + [f"250 {lines[-1]}"]
    return "".join(f"{line}\r\n" for line in marked).encode("ascii", "replace")


BYE = Reply(221, "2.0.0", "bye")
NOOP_OK = Reply(250, "2.0.0", "ok")
RESET_OK = Reply(250, "2.0.0", "ok")
VERIFY = Reply(252, "2.5.0", "cannot verify; send the mail and see")
HELP = Reply(214, "2.0.0", "mail to a capture address is filed on the leads it is from or for")

# -- TLS and logins (RFC 3207, RFC 4954) --------------------------------------------------------------

TLS_GO_AHEAD = Reply(220, "2.0.0", "ready for TLS")
TLS_ALREADY = Reply(503, "5.5.1", "TLS is in use already")
TLS_NOT_NOW = Reply(454, "4.7.0", "TLS is not available now, please try again later")
AUTH_OK = Reply(235, "2.7.0", "logged in")
AUTH_FAILED = Reply(535, "5.7.8", "name or password is wrong; the name is your mail address")
AUTH_NEEDS_TLS = Reply(538, "5.7.11", "a password is taken inside TLS only; say STARTTLS first")
AUTH_ALREADY = Reply(503, "5.5.1", "you have logged in already")
AUTH_MECHANISM = Reply(504, "5.5.4", "this way of logging in is not offered here; use PLAIN or LOGIN")
AUTH_UNREADABLE = Reply(501, "5.5.2", "this cannot be read as a login")
AUTH_TOO_LONG = Reply(500, "5.5.6", "line too long for a login")
AUTH_CANCELLED = Reply(501, "5.7.0", "login cancelled")
AUTH_PAUSED = Reply(454, "4.7.0", "too many failed logins, please try again in an hour")
AUTH_LATER = Reply(454, "4.7.0", "logins cannot be checked now, please try again later")
TOO_MANY_LOGINS = Reply(421, "4.7.0", "too many failed logins; goodbye")

# -- a transaction ---------------------------------------------------------------------------------

MAIL_OK = Reply(250, "2.1.0", "ok")
RCPT_OK = Reply(250, "2.1.5", "ok")
GO_AHEAD = Reply(354, "", "end with a line that holds only a dot")


def accepted(vault_id: object) -> Reply:
    """The promise: said only after the commit that holds the message has reached the disk."""
    return Reply(250, "2.0.0", f"accepted as {vault_id}")


# -- what the client did wrong ---------------------------------------------------------------------

UNKNOWN_COMMAND = Reply(500, "5.5.1", "command not known here")
NOT_OFFERED = Reply(502, "5.5.1", "command not offered here")
LINE_TOO_LONG = Reply(500, "5.5.2", "command line too long")
CONTROL_OCTETS = Reply(500, "5.5.2", "control characters have no place in a command")
BARE_LINE_FEED = Reply(500, "5.5.2", "lines end with CR LF, not with LF alone; goodbye")
NOT_TEXT = Reply(500, "5.5.2", "commands are ASCII, or UTF-8 after SMTPUTF8")
NAME_MISSING = Reply(501, "5.5.4", "say your name after the command")
NO_ARGUMENT_ALLOWED = Reply(501, "5.5.4", "this command stands alone")
SAY_HELLO = Reply(503, "5.5.1", "say EHLO or HELO first")
MAIL_IN_PROGRESS = Reply(503, "5.5.1", "a mail is in progress; finish it or send RSET")
MAIL_FIRST = Reply(503, "5.5.1", "say MAIL first")
NO_RECIPIENT = Reply(554, "5.5.1", "no valid recipient")
NO_LMTP_RECIPIENT = Reply(503, "5.5.1", "no valid recipient; say RCPT first")
NOT_SYNCHRONISED = Reply(554, "5.5.0", "you spoke before it was your turn; goodbye")
NOT_SMTP = Reply(554, "5.5.1", "this is a mail server; goodbye")

BAD_REVERSE_PATH = Reply(501, "5.1.7", "not a sender address; write MAIL FROM:<name@domain> or MAIL FROM:<>")
BAD_FORWARD_PATH = Reply(501, "5.1.3", "not a recipient address; write RCPT TO:<name@domain>")
BAD_PARAMETER = Reply(501, "5.5.4", "parameter with a wrong value, or given twice")
UNKNOWN_PARAMETER = Reply(555, "5.5.4", "parameter not offered here")
NEEDS_SMTPUTF8 = Reply(553, "5.6.7", "an address that is not ASCII needs the SMTPUTF8 parameter")
TOO_MANY_RECIPIENTS = Reply(452, "4.5.3", "too many recipients; send the others with the next mail")


def too_large(max_size: int) -> Reply:
    return Reply(552, "5.3.4", f"message too large; the limit here is {max_size} octets")


# -- who may hand in what (relay.attribution.admission decides) ------------------------------------

CLIENT_NOT_ADMITTED = Reply(
    550, "5.7.1", "this host may not hand in mail here; the administrator lists it in [admission] networks"
)
NO_CAPTURE_ADDRESS = Reply(
    550, "5.1.1", "no such capture address; only mail for the CRM's capture addresses is taken, check the spelling"
)
NOT_PROVED = Reply(
    550,
    "5.7.1",
    "nothing proves that a registered sender wrote this mail; send it from your company account or use your personal "
    "capture address",
)
"""The same for strangers and for our people at domains that are not ours: nobody learns who works here."""
NOT_REGISTERED = Reply(
    550, "5.7.1", "your address is not a registered sender here; ask your administrator to add it to your name"
)
SIGNATURE_OLD = Reply(
    550, "5.7.1", "this mail was signed more than 7 days ago, or does not say when; forward it in a new mail"
)
DMARC_REJECT = Reply(
    550,
    "5.7.1",
    "the domain in From wants mail refused that it has not signed (DMARC p=reject); send it from your company account",
)
NOT_THE_ACCOUNT = Reply(
    553, "5.7.1", "From must be an address of the person who logged in; forward mail of others, do not redirect it"
)
LOGIN_ENDED = Reply(530, "5.7.0", "your password was changed or removed since you logged in; log in again")
NO_AUTHOR = Reply(550, "5.6.0", "the mail has no From field with an address; it needs exactly one")
SEVERAL_AUTHORS = Reply(550, "5.6.0", "the mail has more than one From field or address; it needs exactly one")
HEADER_TOO_LONG = Reply(552, "5.6.0", "the header of the mail is too long")
TOO_MANY_HOPS = Reply(554, "5.4.6", "the mail has come over too many servers: it goes round in a loop")
NULL_REVERSE_PATH = Reply(
    550, "5.7.1", "no bounces and receipts for this capture address; send mail with your address as its sender"
)
DNS_NO_ANSWER = Reply(451, "4.7.5", "DNS did not answer when we looked for proof of the sender, please try again")


def not_proved(domain: str) -> Reply:
    """The same for a domain of ours, which is named unless it is a long one."""
    if len(domain) > 40:
        return NOT_PROVED
    return Reply(
        550,
        "5.7.1",
        f"no valid DKIM signature or SPF of {domain} on this mail; send it from your company account or use your "
        "personal capture address",
    )


# -- trouble of ours, and limits: always try again later -------------------------------------------

LATER = Reply(451, "4.3.0", "what is needed to decide cannot be read just now, please try again later")
NO_MEMORY = Reply(452, "4.3.1", "too much mail in flight, please try again in a minute")
NO_ROOM = Reply(452, "4.3.1", "storage is full, please try again later")
SHUTTING_DOWN = Reply(421, "4.3.2", "restarting, please try again in a minute")
TOO_MANY_CONNECTIONS = Reply(421, "4.7.0", "too many connections, please try again later")
TOO_MANY_ERRORS = Reply(421, "4.7.0", "too many errors; goodbye")
TOO_MANY_IDLE_COMMANDS = Reply(421, "4.7.0", "too many commands without mail; goodbye")
TOO_MANY_UNKNOWN = Reply(421, "4.7.1", "too many recipients that are not here; goodbye")
TOO_MANY_MESSAGES = Reply(421, "4.7.0", "enough for one connection; come back with the rest")
IDLE_TOO_LONG = Reply(421, "4.4.2", "nothing heard for too long; goodbye")
SESSION_TOO_LONG = Reply(421, "4.4.2", "the connection was open too long; come back with the rest")
DATA_TOO_SLOW = Reply(421, "4.4.2", "the message came too slowly; please try again")


def trouble(incident: str) -> Reply:
    """Something failed here. `incident` names it in our log; the client learns nothing else."""
    return Reply(451, "4.3.0", f"trouble on our side, please try again later (incident {incident})")
