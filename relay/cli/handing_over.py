"""What `deliver` does: takes one message from an MTA's pipe and hands it over. Exit status 0 or 75, never another.

75 (EX_TEMPFAIL, sysexits.h) makes the MTA keep the message and try again; any other status but 0 makes it give the
mail up. So whatever is wrong, with the message, the words, the configuration or us, is 75 and one line on standard
error, which MTAs log.

The way is the relay's LMTP socket: then the user of the pipe needs rights on the socket and on nothing else. Where
nobody listens there (or none is configured), the message goes into the vault directly, if the vault is ours and its
lock is free; the relay files it when it starts.

Not a click command (see `delivering`): an MTA starts this for each message, and the imports are most of its time.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from relay.cli.deferred import DeferredError

TYPE_CHECKING = False  # as type checkers know it; importing typing would be a fifth of a delivery's time
if TYPE_CHECKING:
    from relay.config.settings import Settings

EX_TEMPFAIL = 75

PIECE = 1 << 20
"""Octets read at once."""

LARGEST = 1 << 30
"""Octets that are read when the relay declares no limit: never more than a machine has."""

_OPTIONS = ("--sender", "--recipient", "--socket")
_ATEXT = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+/=?^_`{|}~-")


def run(words: Sequence[str], config: str | None = None) -> int:
    """Deliver what stands on standard input, as the words after `deliver` say. Returns 0 or 75, raises nothing."""
    try:
        said = _deliver(words, config)
    except DeferredError as error:
        complain(str(error))
    except MemoryError:
        complain("not enough memory for this message")
    except Exception as error:  # noqa: BLE001  a fault of ours is no reason to lose mail
        complain(_told(error))
    else:
        _write(1, said)
        return 0
    return EX_TEMPFAIL


def complain(why: str) -> None:
    """One line on standard error, whatever is wrong with that too."""
    _write(2, f"bcc-relay: deliver: {' '.join(why.split())}; the message stays with the mail server")


def _write(descriptor: int, line: str) -> None:
    """Unbuffered: what cannot be written (a closed pipe) must not change the exit status."""
    try:
        os.write(descriptor, f"{line}\n".encode("utf-8", "backslashreplace"))
    except OSError:
        return


def _deliver(words: Sequence[str], config: str | None) -> str:
    given = read(words, os.environ.get("SENDER"))
    sender = path(given["--sender"][0], "--sender")
    recipients = [path(one, "--recipient") for one in given["--recipient"]]
    settings = None
    if given["--socket"]:
        sockets = given["--socket"]
    else:
        settings = _settings(config)
        sockets = [str(settings.capture.lmtp)] if settings.capture.lmtp else []
    from relay.cli.lmtp_client import LmtpClient, NobodyError, RefusedError

    for place in sockets[:1]:
        try:
            with LmtpClient(place) as client:
                content = as_sent(_message(client.max_size or LARGEST))
                return client.send(sender, recipients, content)
        except NobodyError:
            if settings is None:
                raise DeferredError(f"nobody listens on {place}; is the relay running?") from None
        except RefusedError as error:
            raise DeferredError(f"the relay answered: {error}") from None
        except PermissionError:
            raise DeferredError(f"no right to connect to {place}; add this user to the socket's group") from None
        except OSError as error:  # TimeoutError too
            raise DeferredError(f"{place}: {error.strerror or error or 'no answer in time'}") from None
    if settings is None:  # for the type checker: without a socket there is a configuration
        raise DeferredError("--socket is empty")
    from relay.cli.into_vault import into_vault

    return into_vault(settings, sender, recipients, as_sent(_message(settings.capture.max_size)))


def read(words: Sequence[str], sender: str | None = None) -> dict[str, list[str]]:
    """The values of each option: `--sender S`, `--sender=S`, `--recipient R...` as often as one likes.

    `sender`: what holds without --sender (Exim's pipes may not have it among their words, it stands in $SENDER).
    What follows an option is its value even if it begins with a dash: senders are strangers. Raises DeferredError.
    """
    found: dict[str, list[str]] = {option: [] for option in _OPTIONS}
    option = ""
    wanting = False
    for word in words:
        name, equals, value = word.partition("=")
        if wanting:
            found[option].append(word)
            wanting = False
        elif word in _OPTIONS:
            option, wanting = word, True
        elif equals and name in _OPTIONS:
            option = name
            found[name].append(value)
        elif option == "--recipient" and not word.startswith("--"):
            found[option].append(word)
        else:
            raise DeferredError(f"{_shown(word)} is not understood; see bcc-relay deliver --help")
    if wanting:
        raise DeferredError(f"{option} has no value")
    for name in ("--sender", "--socket"):
        if len(found[name]) > 1:
            raise DeferredError(f"{name} is given twice")
    if found["--socket"] == [""]:
        raise DeferredError("--socket has no value")
    if not found["--sender"] and sender is not None:
        found["--sender"] = [sender]
    if not found["--sender"]:
        raise DeferredError("--sender is missing; the null sender is --sender ''")
    if not found["--recipient"]:
        raise DeferredError("--recipient is missing")
    return found


def path(text: str, option: str) -> str:
    """An address as SMTP writes it between angle brackets; '' is the null reverse-path. Raises DeferredError.

    MTAs give local parts as they are, or quoted; the null sender as nothing, `<>`, or MAILER-DAEMON (Postfix's
    `null_sender=` when it was not set).
    """
    text = text.strip()
    if text.startswith("<") and text.endswith(">"):
        text = text[1:-1]
    if option == "--sender" and text.upper() in ("", "MAILER-DAEMON"):
        return ""
    local, at, domain = text.rpartition("@")
    if not (at and local and domain) or any(ord(char) < 32 or ord(char) == 127 or char in "<>" for char in text):
        raise DeferredError(f"{option} {_shown(text)} is no address")
    quoted = len(local) > 1 and local[0] == local[-1] == '"'
    if not quoted and not all(atom and (set(atom) <= _ATEXT or not atom.isascii()) for atom in local.split(".")):
        escaped = local.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"@{domain}'
    return text


def as_sent(octets: bytes) -> bytes:
    """The message as it travels by SMTP: no mbox line before it, every line ended with CRLF. Raises DeferredError.

    Pipes get their lines with LF alone. A lone CR is left as it is: only MTAs that are broken make one.
    """
    if octets.startswith(b"From ") and not octets[5:].lstrip(b" \t").startswith(b":"):  # `From :` is an old header
        octets = octets.partition(b"\n")[2]
    octets = octets.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    if not octets.strip():
        raise DeferredError("there is no message on standard input")
    return octets if octets.endswith(b"\r\n") else octets + b"\r\n"


def _message(limit: int) -> bytes:
    """Standard input to its end. Raises DeferredError when it is longer than any message that is taken."""
    if os.isatty(0):
        raise DeferredError("the message is read from standard input, which is a terminal here")
    pieces = []
    size = 0
    while piece := os.read(0, PIECE):
        size += len(piece)
        if size > limit:
            raise DeferredError(f"the message is larger than {limit} octets; see [capture] max_size")
        pieces.append(piece)
    return b"".join(pieces)


def _settings(config: str | None) -> Settings:
    """The configuration. Raises DeferredError with its first mistake."""
    from relay.config.loading import Mistaken, load, locate

    try:
        return load(locate(config, os.environ), os.environ).settings
    except Mistaken as error:
        first, *others = error.mistakes
        more = f" (and {len(others)} more: bcc-relay config check)" if others else ""
        raise DeferredError(f"configuration: {first}{more}") from None


def _told(error: Exception) -> str:
    """Any fault in one line: a foreseeable one in its own words."""
    from relay.cli.fault import sentence

    known = sentence(error)
    if known is not None:
        return known
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    place = f" ({last.tb_frame.f_code.co_filename.rpartition('/')[2]}:{last.tb_lineno})" if last else ""
    return f"{type(error).__name__}: {error}{place}"


def _shown(text: str) -> str:
    shown = "".join(char if char.isprintable() else "?" for char in text)
    return f"'{shown if len(shown) <= 60 else shown[:57] + '...'}'"


def main(options: Sequence[str], words: Sequence[str]) -> int:
    """`bcc-relay OPTIONS deliver WORDS`. Returns the exit status, 0 or 75."""
    config = None
    rest = iter(options)
    for word in rest:
        name, _, value = word.partition("=")
        if word in ("-c", "--config"):
            config = next(rest, None)
        elif name == "--config":
            config = value
        elif word.startswith("-c"):
            config = word[2:]
        else:
            complain(f"{_shown(word)} is no option of bcc-relay")
            return EX_TEMPFAIL
    return run(words, config)
