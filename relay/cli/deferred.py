"""Deferred: why a mail server that hands us a message through a pipe has to keep it for now."""


class DeferredError(Exception):
    """One line that says why."""
