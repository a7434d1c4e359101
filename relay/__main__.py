"""The entry point of the command `bcc-relay`, and of `python -m relay`."""

# ruff: noqa: PLC0415  nothing is imported before it is needed: --help is quick, and `deliver` quicker

from __future__ import annotations

import os
import sys
from collections.abc import Sequence


def main() -> None:
    """Run the command line and exit with its status."""
    words = sys.argv[1:]
    place = _place_of_deliver(words)
    if place is not None:
        os._exit(
            _deliver(words[:place], words[place + 1 :])
        )  # no more can go wrong then: a status of 0 stays 0, one of 75 stays 75
    from relay.cli.program import run

    sys.exit(run())


def _place_of_deliver(words: Sequence[str]) -> int | None:
    """Where the command stands in `[-c FILE] deliver ...`; None for another one, and for a question about this one."""
    rest = iter(enumerate(words))
    for place, word in rest:
        if word in ("-c", "--config"):
            next(rest, None)
        elif not word.startswith("-"):
            asked = words[place + 1 : place + 2]
            return place if word == "deliver" and not {"-h", "--help", "--version"} & {*asked} else None
    return None


def _deliver(options: Sequence[str], words: Sequence[str]) -> int:
    """`deliver`: its exit status is 0 or 75 (EX_TEMPFAIL) whatever happens; any other makes an MTA give the mail up."""
    try:
        import signal

        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGXCPU, signal.SIGALRM):
            signal.signal(number, lambda *_: os._exit(75))
        from relay.cli.handing_over import main as deliver

        return deliver(options, words)
    except BaseException as error:  # noqa: BLE001  even an installation that is half there
        import contextlib

        with contextlib.suppress(OSError):
            os.write(2, f"bcc-relay: deliver: {type(error).__name__}: {error}\n".encode("utf-8", "replace"))
        return 75


if __name__ == "__main__":
    main()
