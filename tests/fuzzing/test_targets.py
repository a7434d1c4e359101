"""Each target of `scripts/fuzz` takes good octets, and some that were damaged."""

from __future__ import annotations

import random

import pytest

from tests.fuzzing import targets


@pytest.mark.parametrize("name", targets.TARGETS)
def test_what_is_good_and_what_is_damaged_are_taken(name):
    rnd = random.Random(name)
    good = [*targets.seeds(name), *targets.WORDS]
    for octets in good:
        assert not targets.wrong(targets.TARGETS[name], octets)
    for _ in range(60):
        damaged = bytearray(rnd.choice(good))
        for _ in range(rnd.randint(1, 4)):
            damaged[rnd.randrange(len(damaged)) :][:1] = b""
            place = rnd.randrange(len(damaged) + 1)
            damaged[place : place + rnd.randint(0, 3)] = rnd.choice(targets.WORDS)[:20]
        assert not targets.wrong(targets.TARGETS[name], bytes(damaged)), bytes(damaged)


def test_a_signed_mail_is_admitted_by_its_signature_so_the_target_reaches_the_rules():
    message, key = targets._signed()
    seen = targets.heading.read(message)
    asked = targets.Asked("192.0.2.1", "h", None, message, seen)
    proof = targets._loop().run_until_complete(
        targets.Gatherer(targets.Said((key.decode(),)), 5.0).gather(asked, targets.NOW)
    )
    assert [each.result for each in proof.signatures] == [targets.Result.PASS], proof
    assert proof.arc.result is targets.Result.PASS
