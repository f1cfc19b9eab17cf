"""Leases: small files that record the sessions this machine has opened (docs/design.md rule 11).

A lease is written before its session is first asked for and removed when the session is stopped, so
a session whose kernel was killed can still be found. A living kernel *holds* its lease by an
operating-system lock on a sibling ``.lock`` file; the lock ends with the process, however it ends.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
import os
import random
import socket
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, get_args

from ..common.errors import StateUnusable
from ..common.file_lock import FileLock, LockTaken, is_locked
from ..common.private_files import state_dir, write_private
from .identity import Scope, ScopeKind

log = logging.getLogger(__name__)

#: ``restart``: a new boot was asked for. ``kept``: its kernel has ended and left it to the cooldown
#: (``AZURE_SESSION_ON_SHUTDOWN=keep``).
LeaseState = Literal["open", "restart", "stopping", "kept"]
_STATES: Final[tuple[LeaseState, ...]] = get_args(LeaseState)
_MAX_FILE_BYTES: Final = 64 * 1024
#: Of the scope's digest, in a file's name.
_SCOPE_CHARS: Final = 16


class AlreadyHeld(Exception):
    """A living kernel holds this lease. Decided upon by the caller, never shown as it is."""


@dataclass(frozen=True)
class Lease:
    """One session this machine has opened.

    :ivar scope_digest: SHA-256 in hex of the scope key; the notebook's path is not stored.
    :ivar boot: the last boot id seen, or "".
    :ivar created_at: POSIX seconds.
    :ivar pid: of the kernel that wrote it, on ``host``. Information only: the lock decides.
    """

    identifier: str
    endpoint_url: str
    scope_kind: ScopeKind
    scope_digest: str
    epoch: int
    state: LeaseState
    boot: str
    created_at: float
    pid: int
    host: str

    @classmethod
    def new(cls, identifier: str, endpoint_url: str, scope: Scope, epoch: int = 0) -> Lease:
        """An open lease of this process, from now on."""
        return cls(
            identifier=identifier,
            endpoint_url=endpoint_url,
            scope_kind=scope.kind,
            scope_digest=scope.digest,
            epoch=epoch,
            state="open",
            boot="",
            created_at=time.time(),
            pid=os.getpid(),
            host=socket.gethostname(),
        )


class LeaseStore:
    """The leases of this user, in ``<state directory>/leases`` unless told otherwise.

    They lie by their scope, in up to 256 folders, so that those of one scope are found without
    reading the others: ``leases/12/123456789abcdef0-….json``.
    """

    def __init__(self, directory: Path | None = None) -> None:
        self.directory = directory or state_dir() / "leases"

    def all(self) -> list[Lease]:
        """Every readable lease, highest epoch first.

        One that can't be read is named in the log and left alone: it must not block other
        notebooks.

        :raises StateUnusable: when the directory itself can't be read.
        """
        return sorted(self.in_any_order(), key=_highest_first)

    def in_any_order(self) -> Iterator[Lease]:
        """The same, each read when it is asked for, and each time in another order."""
        try:
            folders = list(self.directory.iterdir())
        except FileNotFoundError:
            return
        except OSError as error:
            raise _unusable(self.directory, error.strerror or "not readable") from error
        random.shuffle(folders)
        for folder in folders:
            yield from _readable(folder)

    def record(self, lease: Lease) -> Path:
        """Where it is written, for as long as its session may run."""
        return self._path(lease, ".json")

    def recorded(self, lease: Lease) -> Lease | None:
        """What is written there now; None when there is nothing, or nothing readable."""
        return _read_or_skip(self.record(lease))

    def find(self, endpoint_url: str, scope_digest: str) -> list[Lease]:
        """The leases of one scope in one pool, highest epoch first."""
        own = _readable(self.directory / scope_digest[:2], scope_digest[:_SCOPE_CHARS])
        found = [
            lease
            for lease in own
            if lease.endpoint_url == endpoint_url and lease.scope_digest == scope_digest
        ]
        return sorted(found, key=_highest_first)

    def age_s(self, lease: Lease) -> float:
        """Seconds since it was written; 0 when that can't be found out.

        By the clock of the file system, which may be another machine's: that of a new file there.
        """
        try:
            with tempfile.TemporaryFile(dir=self.directory) as new:
                now = os.fstat(new.fileno()).st_mtime
            return max(0.0, now - self.record(lease).stat().st_mtime)
        except OSError:
            return 0.0

    def is_held(self, lease: Lease) -> bool:
        """Whether a living process holds it. True when that can't be found out."""
        return is_locked(self._path(lease, ".lock"))

    def any_held(self, leases: Iterable[Lease]) -> bool:
        return any(self.is_held(lease) for lease in leases)

    def acquire(self, lease: Lease) -> HeldLease:
        """Hold ``lease`` and write it, replacing a readable older one of the same identifier.

        Blocks for up to 0.2 s when somebody else seems to hold it.

        :raises AlreadyHeld: a living process holds it.
        :raises StateUnusable: can't be written, or what is there can't be understood.
        """
        lock = FileLock(self._path(lease, ".lock"))
        try:
            lock.acquire()
        except LockTaken:
            raise AlreadyHeld from None
        try:
            path = self.record(lease)
            if path.exists():
                _read(path)
            return HeldLease(lease, path, lock)
        except BaseException:
            lock.release(remove=False)
            raise

    def _path(self, lease: Lease, suffix: str) -> Path:
        digest = hashlib.sha256(lease.identifier.encode("utf-8")).hexdigest()
        scope = lease.scope_digest[:_SCOPE_CHARS]
        return self.directory / scope[:2] / f"{scope}-{digest}{suffix}"


class HeldLease:
    """A lease this process holds until it is released or the process ends."""

    def __init__(self, lease: Lease, path: Path, lock: FileLock) -> None:
        self.lease = lease
        self._path = path
        self._lock = lock
        self._write()

    def update(self, state: LeaseState, boot: str | None = None) -> None:
        """Change the lease and write it.

        What can't be written is logged: the file on disk still names the session, and neither a
        cell nor the end of the session may fail for it.

        :param boot: None when it stays the same.
        """
        boot = self.lease.boot if boot is None else boot
        self.lease = dataclasses.replace(self.lease, state=state, boot=boot)
        try:
            self._write()
        except StateUnusable as error:
            log.warning("the lease keeps its earlier state: %s", error)

    def release(self, *, remove: bool) -> None:
        """Let go of it. Does nothing the second time.

        :param remove: the session is stopped: delete the record too. Else it stays for the reaper.
        """
        if not self._lock.held:
            return
        if remove:
            try:
                self._path.unlink(missing_ok=True)
            except OSError as error:
                log.warning("lease %s can't be removed: %s", self._path, error.strerror)
                remove = False
        self._lock.release(remove=remove)

    def _write(self) -> None:
        data = json.dumps(dataclasses.asdict(self.lease), indent=1).encode("utf-8")
        write_private(self._path, data)


def _highest_first(lease: Lease) -> tuple[int, float]:
    return -lease.epoch, -lease.created_at


def _readable(folder: Path, prefix: str = "") -> Iterator[Lease]:
    """Those whose names begin so. What can't be read is named in the log and left alone."""
    try:
        names = os.listdir(folder)  # noqa: PTH208 - a tenth of the time of iterdir
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        log.warning("skipped the leases in %s: %s", folder, error.strerror)
        return
    for name in names:
        if name.startswith(prefix) and name.endswith(".json"):
            lease = _read_or_skip(folder / name)
            if lease is not None:
                yield lease


def _read_or_skip(path: Path) -> Lease | None:
    try:
        return _read(path)
    except FileNotFoundError:
        return None  # removed since it was listed
    except StateUnusable as error:
        log.warning("skipped a lease: %s", error)
        return None


def _read(path: Path) -> Lease:
    """:raises StateUnusable: not a lease. :raises FileNotFoundError: gone."""
    try:
        with path.open("rb") as file:
            value = json.loads(file.read(_MAX_FILE_BYTES))
    except FileNotFoundError:
        raise
    except OSError as error:
        raise _unusable(path, error.strerror or "not readable") from error
    except (ValueError, RecursionError) as error:
        raise _unusable(path, "not JSON") from error
    try:
        return _from_json(value)
    except (KeyError, TypeError, ValueError) as error:
        raise _unusable(path, "not a lease") from error


def _from_json(value: Any) -> Lease:
    texts = ("identifier", "endpoint_url", "scope_kind", "scope_digest", "state", "boot", "host")
    numbers = ("epoch", "created_at", "pid")
    for key in texts:
        if not isinstance(value[key], str):
            raise TypeError(key)
        value[key].encode()  # a lone surrogate can't be sent
    for key in numbers:
        if not isinstance(value[key], (int, float)) or isinstance(value[key], bool):
            raise TypeError(key)
        if not 0 <= value[key] < 2**53:
            raise ValueError(key)
    if value["state"] not in _STATES or not value["identifier"]:
        raise ValueError("state")
    fields = {key: value[key] for key in texts + numbers}
    return Lease(**{**fields, "epoch": int(value["epoch"]), "pid": int(value["pid"])})


def _unusable(path: Path, reason: str) -> StateUnusable:
    return StateUnusable(
        f"{path} can't be used ({reason}).",
        cause="It records a session this machine has opened; something else wrote to it.",
        fix=f"Delete {path} if you don't need to know about that session; it ends by itself.",
    )
