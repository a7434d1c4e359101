"""What the parts of the daemon must know, made from the configuration."""

from __future__ import annotations

import contextlib
import resource

from relay.attribution.directory import Directory
from relay.capture import bounds
from relay.config.settings import Settings
from relay.log import log
from relay.work.assignment import Work


def directory(settings: Settings) -> Directory:
    """Who we are, as far as the configuration knows: enough to admit mail, with no database in between."""
    return Directory(domains=frozenset(settings.company.domains), capture=frozenset(settings.capture.addresses))


def work(settings: Settings) -> Work:
    """What the filer process must know of the configuration."""
    return Work(
        settings.store.path,
        settings.vault.path,
        settings.company.domains,
        settings.capture.addresses,
        external=settings.store.checkpoint == "external",
        keeps_unknown=settings.filing.unknown == "keep",
        attachments_up_to=settings.filing.attachments_up_to,
    )


def raise_descriptor_limit(connections: int) -> None:
    """Allow ourselves a descriptor for each connection, or say what stands in the way."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = connections + bounds.SPARE_DESCRIPTORS
    if soft >= needed:
        return
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(
            resource.RLIMIT_NOFILE, (min(needed, hard) if hard != resource.RLIM_INFINITY else needed, hard)
        )
    if hard != resource.RLIM_INFINITY and hard < needed:
        why = f"[limits] connections = {connections} wants {needed} open files: raise LimitNOFILE"
        log().warning("daemon.few_descriptors", allowed=hard, why=why)
