"""Writes config/bcc-relay.toml, and the keys in docs/configuration.md, from the types. Tests hold both files against them."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from relay.config.sample import MARK, reference, sample

ROOT = Path(__file__).parent.parent

if __name__ == "__main__":
    (ROOT / "config" / "bcc-relay.toml").write_text(sample(), encoding="utf-8")
    manual = ROOT / "docs" / "configuration.md"
    before, found, _ = manual.read_text(encoding="utf-8").partition(MARK)
    if not found:
        sys.exit(f"{manual}: the line {MARK!r} is missing")
    manual.write_text(f"{before}{MARK}\n\n{reference()}", encoding="utf-8")
