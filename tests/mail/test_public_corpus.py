"""The reader against messages that other projects collected, with what those projects say about them.

Runs where the corpus lies beside the repository (or BCC_RELAY_CORPUS names it); it is never part of it.
"""

import importlib.util
import os
from pathlib import Path

import pytest

from tests.mail.score_adapter import parse_for_score

CORPUS = Path(os.environ.get("BCC_RELAY_CORPUS", Path(__file__).parents[3] / "shared" / "corpus")) / "mime"
pytestmark = pytest.mark.skipif(not (CORPUS / "score.py").exists(), reason="no corpus beside the repository")


@pytest.fixture(scope="module")
def score():
    spec = importlib.util.spec_from_file_location("corpus_score", CORPUS / "score.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_at_least_99_of_100_statements_about_collected_mail_hold(score):
    right = total = 0
    for item in score.load(CORPUS / "index.jsonl"):
        result = parse_for_score((CORPUS / item["file"]).read_bytes())
        assert score.storable(result) == [], item["id"]
        for name, holds in score.score_one(item["expect"], result).items():
            if name in score.CORE and name not in item.get("disputed", ()):
                total += 1
                right += holds
    assert right / total >= 0.99, f"{right} of {total}"
