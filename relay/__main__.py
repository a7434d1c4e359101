"""The entry point of the command `bcc-relay`, and of `python -m relay`."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and exit with its status."""
    from relay.cli.program import run  # noqa: PLC0415  nothing is imported before it is needed: --help is quick

    sys.exit(run())


if __name__ == "__main__":
    main()
