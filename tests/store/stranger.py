"""The stranger: a CRM with Debian's own SQLite and default settings, in a process of its own.

Two SQLite libraries on one file in one process cancel each other's locks, so it may never run here.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

_PROGRAM = """
import json, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], timeout=30, isolation_level=None)
for line in sys.stdin:
    try:
        answer = connection.execute(*json.loads(line)).fetchall()
    except sqlite3.Error as error:
        answer = str(error)
    print(json.dumps(answer), flush=True)
"""


class Stranger:
    """Runs SQL, statement by statement, as any program would. An SQL error comes back as its text."""

    def __init__(self, path: Path) -> None:
        # Debian's Python brings Debian's SQLite (3.40.1), not ours.
        self._process = subprocess.Popen(
            ["/usr/bin/python3", "-u", "-c", _PROGRAM, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.pid = self._process.pid

    def ask(self, sql: str, *values: object) -> list[list[object]] | str:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps([sql, values]) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the stranger died"
        return json.loads(line)

    def __call__(self, sql: str, *values: object) -> list[list[object]]:
        """The rows, or a failed test."""
        answer = self.ask(sql, *values)
        assert not isinstance(answer, str), f"{answer}: {sql}"
        return answer

    def close(self) -> None:
        if self._process.stdout is None or self._process.stdout.closed:
            return
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()


def sqlite3_command(path: Path, sql: str) -> str:
    """What Debian's `sqlite3` command prints."""
    done = subprocess.run(["sqlite3", str(path), sql], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
