"""Tests that act as another user: can such a user run the interpreter and read the project at all?

In an environment made from a Python in somebody's home (pyenv) it cannot, and such a test would fail for a reason that
has nothing to do with the product. `.ci/run` sees to it that it can.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


@functools.cache
def closed_to_others() -> str:
    """Why another user cannot run the program, in a few words; '' when it can."""
    if os.geteuid() != 0:
        return "becoming another user takes root"
    if not shutil.which("setpriv"):
        return "needs setpriv"
    # By way of a shell: what setpriv itself starts is still looked up with the rights of root.
    somebody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "sh", "-c", 'exec "$@"', "sh"]
    done = subprocess.run(
        [*somebody, sys.executable, "-c", "import relay.cli"], cwd="/", capture_output=True, check=False,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    return f"other users may not run {sys.executable}, or not read {ROOT}" if done.returncode else ""
