"""Every mail of the corpus of forwards, handed in to a running relay: its scorer judges what a CRM then reads.

Its forwards are nearly all of one mail, so many become one message: recipients and words are then those of its best copy,
and not of each. Runs where the corpus lies beside the repository (or BCC_RELAY_CORPUS names it); it is never part of it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from running import CAPTURE, Relay

CORPUS = Path(os.environ.get("BCC_RELAY_CORPUS", Path(__file__).parents[3] / "shared" / "corpus")) / "forwards"
pytestmark = pytest.mark.skipif(not (CORPUS / "score.py").exists(), reason="no corpus beside the repository")

REP = "riley.rep@ourcompany.example"
FIELDS = ("forwarded", "from_address", "from_name", "subject", "date_text", "body", "message", "to", "cc")
BY_ROLE = (
    "(SELECT json_group_array(a.address) FROM message_address x JOIN address a ON a.id = x.address_id"
    " WHERE x.message_id = m.id AND x.role = '{}')"
)
READ = f"""
SELECT e.vault_id, e.route IN ('forward', 'attached'), m.author_address, m.author_name, m.subject, o.written_date,
    t.text || char(10) || t.quoted, n.note, {BY_ROLE.format("to")}, {BY_ROLE.format("cc")}
FROM envelope e
JOIN message m ON m.id = e.message_id
LEFT JOIN message_text t ON t.message_id = m.id
LEFT JOIN envelope_original o ON o.envelope_id = e.id
LEFT JOIN envelope_note n ON n.envelope_id = e.id
WHERE e.position = 0
"""


def score(*words: object) -> None:
    subprocess.run([sys.executable, str(CORPUS / "score.py"), *map(str, words)], check=True, capture_output=True)


def test_what_the_running_relay_files_of_every_forward_is_right(tmp_path: Path) -> None:
    mails, results, figures = tmp_path / "mails", tmp_path / "results.jsonl", tmp_path / "figures.json"
    score("--emit-eml", mails, "--capture", CAPTURE)
    cases = json.loads((mails / "index.json").read_text(encoding="utf-8"))
    relay = Relay(tmp_path / "relay", domains=("ourcompany.example",))
    relay.run("staff", "add", "Riley Rep", REP)
    relay.start()
    try:
        sent = relay.send(*((mails / case["file"]).read_bytes() for case in cases), sender=REP)
        relay.until("SELECT count(*) = ? FROM _vault_outcome", len(sent))
        relay.verify()
    finally:
        relay.stop()
    rows = {str(vault_id): dict(zip(FIELDS, values, strict=True)) for vault_id, *values in relay.sql(READ)}
    with results.open("w", encoding="utf-8") as file:
        for case, vault_id in zip(cases, sent, strict=True):
            row = rows[vault_id]
            file.write(
                json.dumps({**row, "id": case["id"], "to": json.loads(row["to"]), "cc": json.loads(row["cc"])}) + "\n"
            )
    score("--results", results, "--json", figures)
    scored = json.loads(figures.read_text(encoding="utf-8"))
    asserted = {field: figures for field, figures in scored["fields"].items() if figures[1]}
    assert asserted.keys() >= {
        "forwarded+",
        "forwarded-",
        "from_address",
        "to",
        "cc",
        "subject",
        "date",
        "body",
        "message",
    }
    for field, (right, of) in asserted.items():
        least = {"forwarded-": 1.0, "from_address": 0.97}.get(field, 0.92)
        assert right >= least * of, (field, right, of)
