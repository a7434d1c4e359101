"""Prints the DNS records that the configuration asks for: where mail for the capture addresses goes.

dns_lines.py CONFIG     with the Python of an installation; `scripts/install` ends with it. `bcc-relay doctor` looks
whether they are published; both have them from relay/doctor/zone.py.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path


def main(config: str) -> None:
    from relay.config.loading import load  # noqa: PLC0415  the environment that the installation made
    from relay.doctor import looking, zone  # noqa: PLC0415

    settings = load(Path(config), os.environ).settings
    capture = settings.capture
    lines = zone.lines(capture.hostname, capture.addresses, looking.interface_addresses(), settings.company.domains)
    print("DNS, so that mail for the capture address reaches this machine by itself (not needed where a mail server of")
    print("yours passes it on; that server must be in [admission] networks either way):")
    for line in lines:
        print(f"  {line}")
    print("When they are published: bcc-relay doctor")


if __name__ == "__main__":
    main(sys.argv[1])
