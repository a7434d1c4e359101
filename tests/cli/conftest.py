"""Mail that waits for a person: furnished once for each worker by the real daemon, and copied for each test."""

from __future__ import annotations

import shutil

import pytest
from mailbuilder import message
from running import Relay


@pytest.fixture(scope="session")
def furnished(tmp_path_factory):
    """Five mails: of two from a shop, of Greta, of Max, and one of ours to himself. All wait; the daemon has stopped."""
    relay = Relay(tmp_path_factory.mktemp("desk") / "relay").start()
    try:
        relay.sql("INSERT INTO staff (name) VALUES ('Bob Baker')")
        relay.sql("INSERT INTO staff_address (staff_id, address) VALUES (1, 'bob@example.org')")
        relay.sql("INSERT INTO lead (name, organization) VALUES ('Anna Lindqvist', 'Lindqvist AB')")
        relay.sql("INSERT INTO lead_address (lead_id, address) VALUES (1, 'anna@lindqvist.example')")
        evil = "Max\x1b]0;evil\x07 \u202eMaier <max.maier@gmail.com>"
        ours = "bob@example.org"
        mails = [
            message("Shop <news@shop.example>", ours, subject=f"Sale {n}", message_id=f"<{n}@shop.example>")
            for n in (1, 2)
        ]
        mails += [
            message("Greta <greta@lindqvist.example>", ours, subject="A question", message_id="<g@lindqvist.example>"),
            message(to=ours, subject="Note to myself", message_id="<self@example.org>"),
            message(evil, ours, subject="Hello", message_id="<max@gmail.com>"),
        ]
        relay.filed(*relay.send(*mails))
    finally:
        relay.stop()
    return relay


@pytest.fixture
def desk(furnished, relay_running):
    """A copy of it, for one sitting. Verified in the end."""
    relay = relay_running(start=False)
    for folder in ("shared", "vault"):
        shutil.copytree(furnished.folder / folder, relay.folder / folder, dirs_exist_ok=True)
    return relay
