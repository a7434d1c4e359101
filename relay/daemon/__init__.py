"""The daemon: the only wiring. Builds every object, connects them, and stops them in the right order.

Accepting and filing are processes of their own. This one runs the event loop: listeners, sessions, the
vault's writer (a thread). The filer is kept alive by the supervisor. What joins them is the vault.

`serving` is the way in (`serve`), `life` the order in which parts begin and end, and reloading;
`signals`, `watchdog`, `condition` and `reloading` are what their names say.
"""

from relay.daemon.derived import work
from relay.daemon.serving import serve

__all__ = ["serve", "work"]
