"""The contract is tested on the store's own test bench: an empty database, a mailroom, a stranger."""

from tests.store.conftest import crm, mailroom, no_grace, store

__all__ = ["crm", "mailroom", "no_grace", "store"]
