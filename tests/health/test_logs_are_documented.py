"""docs/logs.md is the catalogue of all events: held against the code, both ways."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]

LEVEL_OF = {
    "debug": "debug", "info": "info", "warning": "warning", "error": "error", "exception": "error",
    "tell": "info", "Tally": "info", "warn_now_and_then": "warning", "_incident": "error",
}  # fmt: skip
NAME = re.compile(r"[a-z_]+\.[a-z_]+")


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield getattr(node.func, "attr", getattr(node.func, "id", "")), node


def trees() -> list[ast.AST]:
    return [ast.parse(path.read_text("utf-8")) for path in (ROOT / "relay").rglob("*.py")]


def kept_processes() -> set[str]:
    """The names that supervisors are given, for the events that begin with one."""
    source = (ROOT / "relay" / "daemon" / "serving.py").read_text("utf-8")
    return {name for name in ("filer", "indexer") if f'"{name}"' in source}


def built(tree: ast.AST) -> Iterator[tuple[str, set[str]]]:
    """Events that the log makes itself, without a logger: a dictionary with the key `event`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):
            words = {k.value: v for k, v in zip(node.keys, node.values, strict=True) if isinstance(k, ast.Constant)}
            event = words.pop("event", None)
            if isinstance(event, ast.Constant):
                yield str(event.value), set(map(str, words))


def said() -> dict[str, tuple[set[str], set[str]]]:
    """event -> (levels, fields) as the code says them."""
    found: dict[str, tuple[set[str], set[str]]] = defaultdict(lambda: (set(), set()))
    for tree in trees():
        for event, fields in built(tree):
            found[event][0].add("warning")
            found[event][1].update(fields)
        for function, call in calls(tree):
            if function not in LEVEL_OF:
                continue
            place = 1 if function == "warn_now_and_then" else 0
            if len(call.args) <= place:
                continue
            event = call.args[place]
            if isinstance(event, ast.JoinedStr):
                assert ast.unparse(event).startswith("f'{self.name}."), (
                    "an event's name is one that can be searched for"
                )
                ending = ast.unparse(event)[len("f'{self.name}.") : -1]
                names = [f"{name}.{ending}" for name in kept_processes()]
            elif isinstance(event, ast.Constant) and isinstance(event.value, str) and NAME.fullmatch(event.value):
                names = [event.value]
            else:
                continue
            for name in names:
                levels, fields = found[name]
                levels.add(LEVEL_OF[function])
                fields |= {
                    word for keyword in call.keywords if (word := keyword.arg) and word not in ("exc_info", "always")
                }
                for always in (keyword.value for keyword in call.keywords if keyword.arg == "always"):
                    fields |= {key.value for key in getattr(always, "keys", ()) if isinstance(key, ast.Constant)}
                if any(keyword.arg == "exc_info" for keyword in call.keywords) or function in (
                    "exception",
                    "_incident",
                ):
                    fields |= {"error", "where"}
                if any("_told" in ast.unparse(keyword.value) for keyword in call.keywords if keyword.arg is None):
                    fields |= {"session", "client"}
    return found


def documented() -> dict[str, tuple[set[str], set[str]]]:
    found = {}
    for line in (ROOT / "docs" / "logs.md").read_text("utf-8").splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) == 7 and NAME.fullmatch(cells[1].strip("`")):
            name = cells[1].strip("`")
            assert name not in found, f"{name} twice"
            assert cells[4], f"{name} says nothing"
            found[name] = set(cells[2].split(", ")), set(re.findall(r"[a-z_]+", cells[3]))
    return found


def test_every_event_of_the_code_is_in_the_catalogue_and_the_other_way_round() -> None:
    assert set(documented()) == set(said())


def test_levels_are_documented_as_they_are() -> None:
    code, catalogue = said(), documented()
    dynamic = {"library.said"}  # its level is the library's
    for name, (levels, _) in catalogue.items():
        if name not in dynamic:
            assert levels == code[name][0], name


def test_every_field_is_documented() -> None:
    code, catalogue = said(), documented()
    for name, (_, fields) in code.items():
        assert fields <= catalogue[name][1], name


def test_what_calls_for_an_operator_says_what_to_do() -> None:
    for line in (ROOT / "docs" / "logs.md").read_text("utf-8").splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        own = cells[1:3] if len(cells) == 7 else []
        if own and NAME.fullmatch(own[0].strip("`")) and own[1] == "error":
            assert cells[5] or own[0] == "`config.mistake`", own[0]


def test_no_event_is_said_past_the_log() -> None:
    """Nothing in the package prints, and nothing but the log asks for a logger of Python's own."""
    for path in (ROOT / "relay").rglob("*.py"):
        text = path.read_text("utf-8")
        if path.name != "log.py":
            assert "logging.getLogger" not in text, path
