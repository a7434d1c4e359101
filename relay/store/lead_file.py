"""What a list of leads says: CSV with a head line, JSON (an array of objects), or one JSON object a line.

Reads the whole list before anybody writes a row of it, and tells every mistake with its line. Pure: text
in, rows and mistakes out; who is in the database already is `lead_import`'s question.
"""

from __future__ import annotations

import csv
import difflib
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from relay.mail.address import Address

_COLUMNS = {
    "name": "name", "first_name": "first_name", "last_name": "last_name",
    "organization": "organization", "organisation": "organization", "company": "organization",
    "external_id": "external_id",
    "status": "status",
    "owner": "owner",
    "address": "addresses", "addresses": "addresses", "email": "addresses", "emails": "addresses",
    "e_mail": "addresses", "email_address": "addresses",
}  # fmt: skip
"""What a column may be called -> what it is. Blanks, dashes, case and a number at the end do not matter."""

COLUMNS = "name (or first_name, last_name), address, organization, external_id, status, owner"

LONGEST = 1000
"""Characters of a name, organization, status or external id. More is a column that went wrong."""

csv.field_size_limit(1 << 20)


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing that is wrong: the line where its row begins, and a sentence."""

    line: int
    told: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One lead of the list, with the line where it begins. '' is what the list does not say."""

    line: int
    name: str = ""
    organization: str = ""
    external_id: str = ""
    status: str = ""
    owner: str = ""
    addresses: tuple[str, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)


def read(text: str, *, extra: bool) -> tuple[list[Entry], list[Mistake]]:
    """The leads of a list, and all that is wrong with it. `extra` keeps unknown columns instead of refusing them."""
    mistakes: list[Mistake] = []
    start = text.lstrip()
    refused: set[str] = set()

    def look(line: int, columns: Iterable[str]) -> None:
        """A column that nobody knows is told once, not in each line."""
        for column in columns:
            if _meaning(column) is None and column not in refused and not extra:
                refused.add(column)
                mistakes.append(Mistake(line, _unknown(column)))

    rows = _json_rows(text, mistakes) if start[:1] in ("[", "{") else _csv_rows(text, mistakes, look)
    entries: list[Entry] = []
    seen: dict[str, int] = {}
    for line, row in rows:
        look(line, row)
        entry = _entry(line, row, mistakes)
        if entry is None:
            continue
        if entry.external_id:
            if entry.external_id in seen:
                told = f'external_id "{_said(entry.external_id)}" stands in line {seen[entry.external_id]} already'
                mistakes.append(Mistake(line, told))
            seen.setdefault(entry.external_id, line)
        entries.append(entry)
    return entries, mistakes


def _csv_rows(
    text: str, mistakes: list[Mistake], look: Callable[[int, Iterable[str]], None]
) -> Iterator[tuple[int, dict[str, Any]]]:
    head = text.partition("\n")[0]
    delimiter = max(",;\t", key=head.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    begins, names = 1, None
    try:
        for row in reader:
            line, begins = begins, reader.line_num + 1
            if not any(each.strip() for each in row):
                continue
            if names is None:
                names = [each.strip() for each in row]
                if not any(_meaning(each) for each in names):
                    mistakes.append(Mistake(line, f"the first line must name the columns: {COLUMNS}"))
                    return
                look(line, names)
            elif len(row) > len(names) and any(each.strip() for each in row[len(names) :]):
                mistakes.append(Mistake(line, f"{len(row)} fields, and the first line names {len(names)} columns"))
            else:
                # A list of pairs would keep a column that stands there twice; addresses may.
                merged: dict[str, Any] = {}
                for name, value in zip(names, row, strict=False):
                    merged[name] = f"{merged[name]} {value}" if name in merged else value
                yield line, merged
    except csv.Error as error:
        mistakes.append(Mistake(reader.line_num, f"not readable as CSV: {error}"))


def _json_rows(text: str, mistakes: list[Mistake]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Objects one by one, so that each is known by its line."""
    decoder = json.JSONDecoder()
    blank = re.compile(r"[\s,]*")
    at = blank.match(text, 0).end()  # type: ignore[union-attr]  # it matches nothing, too
    array = text[at] == "["
    at += array
    line, counted = 1, 0
    while True:
        at = blank.match(text, at).end()  # type: ignore[union-attr]
        line, counted = line + text.count("\n", counted, at), at
        if at >= len(text) or (array and text[at] == "]"):
            if array and at >= len(text):
                mistakes.append(Mistake(line, "the array has no end"))
            return
        try:
            value, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError) as error:
            told = f"{error.msg.lower()}" if isinstance(error, json.JSONDecodeError) else str(error)
            mistakes.append(Mistake(getattr(error, "lineno", line), f"not readable as JSON: {told}"))
            return
        if isinstance(value, dict):
            yield line, value
        else:
            mistakes.append(Mistake(line, 'a lead must be an object, as in {"name": "Anna", "address": "..."}'))


def _meaning(column: str) -> str | None:
    plain = re.sub(r"[\s_-]+", "_", column.strip().lower())
    return _COLUMNS.get(plain) or _COLUMNS.get(re.sub(r"_?\d+$", "", plain))


def _entry(line: int, row: Mapping[str, Any], mistakes: list[Mistake]) -> Entry | None:
    """One lead, or None with its mistakes noted."""
    texts: dict[str, str] = {}
    addresses: dict[str, str] = {}
    more: dict[str, Any] = {}
    before = len(mistakes)
    for column, value in row.items():
        meaning = _meaning(column)
        if meaning is None:
            more.update({column: value} if value not in (None, "") else {})
        elif meaning == "addresses":
            addresses.update(_addresses(line, value, mistakes))
        elif value is not None and not isinstance(value, (str, int)):
            mistakes.append(Mistake(line, f'"{_said(column)}" must be text'))
        else:
            text = " ".join(str("" if value is None else value).split())
            if len(text) > LONGEST or "\0" in text:
                mistakes.append(Mistake(line, f'"{_said(column)}" is longer than {LONGEST} characters'))
            texts[meaning] = texts.get(meaning) or text
    given = " ".join(filter(None, [texts.pop("first_name", ""), texts.pop("last_name", "")]))
    texts["name"] = texts.get("name") or given
    if len(mistakes) == before and not (texts["name"] or addresses):
        mistakes.append(Mistake(line, "a lead needs a name or an address"))
    return None if len(mistakes) > before else Entry(line, **texts, addresses=tuple(addresses.values()), extra=more)


def _addresses(line: int, value: object, mistakes: list[Mistake]) -> dict[str, str]:
    pieces = value if isinstance(value, list) else re.split(r"[,;\s]+", value) if isinstance(value, str) else [value]
    found: dict[str, str] = {}
    for piece in pieces:
        if piece in (None, ""):
            continue
        address = Address.read(piece.strip()) if isinstance(piece, str) else None
        if address is None:
            mistakes.append(Mistake(line, f'"{_said(str(piece))}" is not an address'))
        else:
            found.setdefault(address.key, str(address))
    return found


def _unknown(column: str) -> str:
    close = difflib.get_close_matches(column.lower(), _COLUMNS, n=1, cutoff=0.6)
    advice = f"did you mean {close[0]}?" if close else "--extra keeps other columns in lead.extra"
    return f'no column "{_said(column)}" is known; {advice}'


def _said(text: str) -> str:
    printable = "".join(c if c.isprintable() else "?" for c in text)
    return printable[:60]
