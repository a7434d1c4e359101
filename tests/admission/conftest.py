from __future__ import annotations

import pytest
from dns_stub import NameServer
from world import World, records


@pytest.fixture(scope="package")
def world(tmp_path_factory):
    """One relay on a public port for all tests here; each has mail of its own."""
    with NameServer(records()) as dns:
        made = World(tmp_path_factory.mktemp("public"), dns)
        try:
            yield made
            made.relay.verify()
        finally:
            made.relay.stop()
