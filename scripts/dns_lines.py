"""Prints the DNS records that the configuration asks for: where mail for the capture addresses goes.

dns_lines.py CONFIG     with the Python of an installation; `scripts/install` ends with it
"""

from __future__ import annotations

import ipaddress
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path


def records(hostname: str, addresses: Iterable[str], machine: Iterable[str]) -> list[str]:
    """The lines of the zones: `machine` holds the IP addresses of this machine."""
    lines = []
    public = [ip for ip in map(ipaddress.ip_address, machine) if ip.is_global]
    for ip in public or [ipaddress.ip_address("192.0.2.1")]:
        note = "" if public else "    ; put the public address of this machine here"
        lines.append(f"{hostname}.  IN  {'A' if ip.version == 4 else 'AAAA'}  {ip}{note}")
    for domain in sorted({address.rpartition("@")[2] for address in addresses}):
        lines.append(f"{domain}.  IN  MX  10 {hostname}.")
        lines.append(
            f'{domain}.  IN  TXT  "v=spf1 -all"    ; the relay sends no mail; leave it out if others send from {domain}'
        )
    return lines


def main(config: str) -> None:
    from relay.config.loading import load  # noqa: PLC0415  the environment that the installation made

    capture = load(Path(config), os.environ).settings.capture
    told = subprocess.run(["hostname", "-I"], capture_output=True, text=True, check=False).stdout.split()
    print("DNS, so that mail for the capture address reaches this machine by itself (not needed where a mail server of")
    print("yours passes it on; that server must be in [admission] networks either way):")
    for line in records(capture.hostname, capture.addresses, told):
        print(f"  {line}")


if __name__ == "__main__":
    main(sys.argv[1])
