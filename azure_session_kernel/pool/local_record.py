"""The records of running local pools: where each listens, and the token it asks for.

``azure-session-kernel pool`` writes its own when it listens, and removes it when it ends. The
newest one's is a user's ``local-pool.json``, which ``endpoint=local`` reads; when that pool ends,
the next newest has its place. Mode 0600.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import json
import logging
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from ..common.errors import CredentialError, LocalPoolNotRunning, SettingsError, StateUnusable
from ..common.private_files import state_dir, write_private
from .credentials import checked_token

log = logging.getLogger(__name__)

_MAX_BYTES: Final = 64 * 1024
START_COMMAND = "azure-session-kernel pool"


@dataclass(frozen=True)
class LocalPool:
    """A running local pool.

    :ivar url: its pool management endpoint, always on loopback.
    :ivar token: the bearer token; drawn anew at each start.
    :ivar pid: the process that serves it.
    :ivar resource: where it plays its own ARM resource (``Microsoft.App/sessionPools``), for the
        same token; "" when it does not, as if the management plane could not be read.
    :ivar authority: the file with the certificate authority of a pool that serves https
        (``pool --tls``); "" means whatever this machine trusts.
    :ivar max_sessions: how many it can have at a time; 0 when it does not say.
    """

    url: str
    token: str = field(repr=False)
    pid: int
    resource: str = ""
    authority: str = ""
    max_sessions: int = 0


def record_path() -> Path:
    return state_dir() / "local-pool.json"


def authority_path(pool: LocalPool) -> Path:
    """Where a pool that serves https keeps its certificate authority for clients."""
    return _own_path(pool).with_suffix(".pem")


def write_record(pool: LocalPool) -> Path:
    """Called by the pool when it listens; takes the place of an older pool.

    :raises StateUnusable: when it can't be written.
    """
    data = json.dumps(asdict(pool)).encode()
    write_private(_own_path(pool), data)
    write_private(record_path(), data)
    return record_path()


def read_record() -> LocalPool:
    """The pool that ``endpoint=local`` means: the newest that runs.

    :raises LocalPoolNotRunning: no record, or its process is gone.
    :raises StateUnusable: the record can't be read or understood; it is left as it is.
    """
    path = record_path()
    try:
        pool = _parse(path)
    except FileNotFoundError:
        raise _not_running("No local pool is running.") from None
    except OSError as error:
        raise _unusable(path, f"can't be read ({error.strerror})") from error
    except ValueError as error:
        raise _unusable(path, f"is not a local pool's record ({error})") from error
    if _alive(pool.pid):
        return pool
    for older in _running():
        return older
    raise _not_running("The local pool has ended without removing its record.")


def find_record(matches: Callable[[LocalPool], bool]) -> LocalPool | None:
    """Of this user's pools that run, the newest that ``matches``; None when there is none."""
    newest = []
    with contextlib.suppress(SettingsError):
        newest.append(read_record())
    return next(filter(matches, [*newest, *_running()]), None)


class RecordToken:
    """A ``TokenSource`` (``credentials.py``): the token of the pool that ``record`` describes.

    A refused token is read anew: the pool at that address may have been started again.
    """

    def __init__(self, record: LocalPool) -> None:
        self._record = record

    @property
    def record(self) -> LocalPool:
        """As it was last read."""
        return self._record

    async def token(self, *, refresh: bool = False) -> str:
        if refresh:
            url = self._record.url
            newest = await asyncio.to_thread(find_record, lambda pool: pool.url == url)
            if newest is None:
                log.warning("no new token for the local pool: none of yours listens at %s", url)
            else:
                self._record = newest
        return self._record.token


def remove_record(pool: LocalPool) -> None:
    """Called by the pool when it ends. A record that is not ``pool``'s own is left alone."""
    _remove_if(_own_path(pool), pool)
    for older in _running():
        with contextlib.suppress(OSError, ValueError, StateUnusable):
            if _parse(record_path()) == pool:
                write_private(record_path(), json.dumps(asdict(older)).encode())
        return
    _remove_if(record_path(), pool)


def _remove_if(path: Path, pool: LocalPool) -> None:
    with contextlib.suppress(OSError, ValueError):
        if _parse(path) == pool:
            path.unlink()


def _own_path(pool: LocalPool) -> Path:
    """A pool's for as long as it runs, whichever is the newest."""
    where = re.sub(r"[^0-9a-f]+", "-", urlsplit(pool.url).netloc)
    return state_dir() / f"local-pool-{where}.json"


def _running() -> Iterator[LocalPool]:
    """By the records of their own, newest first. Those of pools that are gone are removed."""
    for _, path in sorted(_written(), reverse=True):
        with contextlib.suppress(OSError, ValueError):
            pool = _parse(path)
            if _alive(pool.pid):
                yield pool
            else:
                path.with_suffix(".pem").unlink(missing_ok=True)
                path.unlink()


def _written() -> Iterator[tuple[int, Path]]:
    for path in state_dir().glob("local-pool-*.json"):
        with contextlib.suppress(OSError):
            yield path.stat().st_mtime_ns, path


def _parse(path: Path) -> LocalPool:
    """:raises OSError: :raises ValueError: it is no record."""
    with path.open("rb") as file:
        data = file.read(_MAX_BYTES)
    try:
        value = json.loads(data)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(value, dict):
        raise ValueError("not an object")
    pid = value.get("pid")
    if not isinstance(pid, int) or isinstance(pid, bool) or not 0 < pid < 2**31:
        raise ValueError("no process id")
    resource = _loopback_url(value["resource"]) if value.get("resource") else ""
    url, token = _loopback_url(value.get("url")), _token(value.get("token"))
    authority = _file(value.get("authority") or "")
    return LocalPool(url, token, pid, resource, authority, _count(value.get("max_sessions")))


def _count(value: Any) -> int:
    """An older pool does not say it."""
    is_count = isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**31
    return value if is_count else 0


def _loopback_url(value: Any) -> str:
    """The local pool's token goes to loopback only (docs/design.md rule 9)."""
    if not isinstance(value, str):
        raise ValueError("no url")
    parts = urlsplit(value)
    if (
        parts.scheme not in ("http", "https")
        or parts.port == 0  # which raises for what is no port
        or not ipaddress.ip_address(parts.hostname or "").is_loopback
    ):
        raise ValueError("its url is not on loopback")
    return value


def _file(value: Any) -> str:
    if not isinstance(value, str) or (value and not Path(value).is_absolute()):
        raise ValueError("its authority is not a file's path")
    return value


def _token(value: Any) -> str:
    try:
        return checked_token(value if isinstance(value, str) else "")
    except CredentialError:
        raise ValueError("no token") from None


def _alive(pid: int) -> bool:
    if os.name == "nt":  # there, signal 0 would end the process
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _not_running(what: str) -> LocalPoolNotRunning:
    return LocalPoolNotRunning(
        what,
        cause="The configured endpoint is 'local', which means a pool on this machine.",
        fix=f"start it with: {START_COMMAND}",
    )


def _unusable(path: Path, what: str) -> StateUnusable:
    return StateUnusable(
        f"{path} {what}.",
        fix=f"Look at the file, remove it, and start the pool again with: {START_COMMAND}",
    )
