"""A stop that a kernel has no more time for goes on in a process that outlives it.

jupyter_client kills the kernel's process group, so the process has a session of its own; it holds
nothing of the kernel's, neither its streams nor its folder, so that nobody waits for it. What it
needs it reads from a pipe: token and identifier are for nobody else's eyes (docs/design.md rule 9).
The other end of the pipe closes with the kernel, however that ends, and tells ``finisher.py`` to
look.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any

from ..common.daemon_thread import in_daemon_thread
from .lease import LeaseStore

if TYPE_CHECKING:
    from .opening import Opening

_COMMAND = ("-m", "azure_session_kernel.session.finisher")


class Handover:
    """The pipe to that process: open until this one ends, and never closed before."""

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe

    def tell_unsure(self) -> None:
        """A request that was under way may bring the session back once it is stopped."""
        with contextlib.suppress(OSError):  # it has ended
            os.write(self._pipe, b"unsure\n")


async def hand_over(opening: Opening) -> Handover:
    """Start that process. It does nothing when the lease is gone by the end of this one.

    :raises OSError: it can't be started. :raises CredentialError: there is no token for it.
    """
    lease, store = opening.lease.lease, LeaseStore()
    job = {
        "record": str(store.record(lease).resolve()),
        "lease": asdict(lease),
        "endpoint": opening.endpoint.url,
        "authority": opening.endpoint.authority,
        "allowed_hosts": opening.settings.allowed_hosts,
        "token": await opening.tokens.token(),
    }
    return await in_daemon_thread(partial(_start, json.dumps(job).encode()))


def _start(job: bytes) -> Handover:
    theirs, ours = os.pipe()
    try:
        process = subprocess.Popen(
            [sys.executable, *_COMMAND],
            stdin=theirs,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=sys.prefix,
            **_detached(),
        )
    finally:
        os.close(theirs)
    process.returncode = 0  # nobody will wait for it, which is no reason for a ResourceWarning
    os.write(ours, job + b"\n")
    return Handover(ours)


def _detached() -> dict[str, Any]:
    if sys.platform == "win32":
        flags = subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP
        return {"creationflags": flags}
    return {"start_new_session": True}
