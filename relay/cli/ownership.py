"""A command that root starts goes on as the user that the data belongs to.

Decides which user that is. Locks, marks and databases that root made would be root's, and the daemon, which runs
as a user of its own, could open none of them; so nobody has to remember `sudo -u`. What the command reads before
(the configuration, a list of leads) it reads as root. Commands whose other end is root's own, a backup, stay root
and give what they make to the owner.
"""

from __future__ import annotations

import os
import pwd
from contextlib import suppress
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from relay.config.settings import Settings


def become_owner(settings: Settings) -> None:
    """Where root asks and vault or database are another user's, be that user from now on, with all its groups.

    Does nothing for other users, where the folders are root's (a container), and where there are none yet.
    Raises ClickException where this root may not (a container without CAP_SETUID).
    """
    if os.geteuid() != 0:
        return
    found = [folder.stat() for folder in (settings.vault.path, settings.store.path.parent) if folder.exists()]
    if not found or found[0].st_uid == 0:
        return
    # The vault tells the user: nobody else may enter it. The shared folder tells the group: it is the CRM's.
    user, group = found[0].st_uid, found[-1].st_gid
    groups = [group]
    with suppress(KeyError):  # a number without a name, as in containers
        groups = os.getgrouplist(pwd.getpwuid(user).pw_name, group)
    try:
        os.setgroups(groups)
        os.setresgid(group, group, group)
        os.setresuid(user, user, user)
    except OSError as error:
        raise click.ClickException(
            f"the data belongs to user {user}, and this root may not become that user ({error.strerror}); "
            "run it as that user"
        ) from None
