"""Whatever `verify` may find has its line in docs/health.md, with what to do; and the page tells of nothing else."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from relay.store.verify import invariants

ROOT = Path(__file__).parents[2]


def named_in_code() -> set[str]:
    """The first argument of each Difference, and the name that `verify` itself gives."""
    names = {"vault-outcome"}
    for path in (ROOT / "relay" / "store").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Difference":
                names |= {node.args[0].value} if isinstance(node.args[0], ast.Constant) else set()
    return names


def test_each_finding_says_what_to_do() -> None:
    page = (ROOT / "docs" / "health.md").read_text("utf-8")
    section = page[page.index("## What `verify` finds") : page.index("## Prometheus")]
    rows = [line.split("|") for line in section.splitlines() if line.startswith("| `")]
    told = [name for row in rows for name in re.findall(r"`([a-z-]+)`", row[1])]
    assert sorted(told) == sorted({each.name for each in invariants()} | named_in_code())
    assert all(row[3].strip() for row in rows)
