"""200 KB of any text, in any language, cost the readers of forwards bounded time."""

from __future__ import annotations

import importlib.util
import time
from pathlib import Path

from relay.mail import quote
from relay.mail.forward import text as forwarded

BENCH = Path(__file__).parents[2] / "scripts" / "bench_forwards.py"


def test_the_texts_made_to_cost_most_take_a_fraction_of_a_second():
    """Some 40 ms each (`scripts/bench forwards`). The bound is far above, for slow machines: what is not linear breaks it."""
    found = importlib.util.spec_from_file_location("bench_forwards", BENCH)
    bench = importlib.util.module_from_spec(found)
    found.loader.exec_module(bench)
    texts = bench.texts()
    assert len(texts) > 300
    for name, text in texts.items():
        assert len(text) == 200_000, name
        began = time.process_time()
        forwarded.find(text, subject="x")
        quote.split(text)
        assert time.process_time() - began < 0.8, name
