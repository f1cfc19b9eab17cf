"""Which session belongs to this kernel: secret, scope and identifier (docs/design.md 5)."""

from __future__ import annotations

import base64
import getpass
import hashlib
import hmac
import importlib
import json
import os
import re
import secrets
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from ..common.errors import SettingsError, StateUnusable
from ..common.private_files import state_dir, write_private
from .settings import Settings

NOTEBOOK_VARIABLE: Final = "JPY_SESSION_NAME"
_SECRET_BYTES: Final = 32
_SHORTEST_KEY: Final = 16
_KERNEL_FILE: Final = re.compile(
    r"kernel-([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})\.json", re.IGNORECASE
)


#: Whose a session is: the notebook's, which finds it again, or one kernel's alone.
ScopeKind = Literal["notebook", "kernel"]


@dataclass(frozen=True)
class Scope:
    """What a session belongs to.

    :ivar key: tells it from every other scope of this user; holds the notebook's path, so it is
        never stored or shown. ``digest`` is for that.
    """

    kind: ScopeKind
    key: str

    @property
    def digest(self) -> str:
        """SHA-256 of the key, in hex: 64 characters. What leases carry."""
        return hashlib.sha256(self.key.encode("utf-8", "surrogatepass")).hexdigest()


def install_secret() -> bytes:
    """The 32 random bytes all of this user's identifiers are derived from; made when missing.

    :raises StateUnusable: the file can't be read or has another size; it is left as it is.
    """
    path = state_dir() / "secret"
    try:
        if not path.exists():
            write_private(path, secrets.token_bytes(_SECRET_BYTES), exclusive=True)
    except FileExistsError:
        pass  # another kernel was faster; its secret is as good
    except OSError as error:
        raise _unusable(path, error.strerror or "not readable") from error
    return _read_secret(path)


def _read_secret(path: Path) -> bytes:
    try:
        secret = path.read_bytes()
    except OSError as error:
        raise _unusable(path, error.strerror or "not readable") from error
    if len(secret) != _SECRET_BYTES:
        raise _unusable(path, f"{len(secret)} bytes instead of {_SECRET_BYTES}")
    return secret


def _unusable(path: Path, reason: str) -> StateUnusable:
    return StateUnusable(
        f"The identity secret {path} can't be used ({reason}).",
        cause="Something else wrote to it, or its permissions changed.",
        fix=f"Restore it, or delete {path}: notebooks then get fresh sessions.",
    )


def make_identifier(secret: bytes, endpoint_url: str, scope_key: str, epoch: int) -> str:
    """The ``identifier`` of one scope in one pool: 56 characters of ``[a-z2-7-]``.

    :param epoch: raised where a pool has no restart, to get a fresh session.
    """
    # JSON keeps the three apart whatever they contain.
    message = json.dumps([endpoint_url, scope_key, epoch]).encode("ascii")
    digest = hmac.new(secret, message, hashlib.sha256).digest()
    return "ask-" + base64.b32encode(digest).decode("ascii").rstrip("=").lower()


def choose_scope(
    settings: Settings,
    environ: Mapping[str, str],
    parent_environ: Mapping[str, str] | None,
    connection_file: str,
    notebook_is_held: Callable[[str], bool],
) -> Scope:
    """Whether the session belongs to the notebook or to this kernel alone (docs/design.md 5).

    :param parent_environ: of the process that started this kernel; None when unknown, which counts
        as not inherited.
    :param connection_file: as given to the kernel; may be empty.
    :param notebook_is_held: called with the notebook scope's *digest*: whether a living kernel on
        this machine holds a lease for it. Not called when ``AZURE_SESSION_SCOPE`` forces a scope.
    :raises SettingsError: ``AZURE_SESSION_SCOPE=notebook`` without ``JPY_SESSION_NAME``.
    """
    name = environ.get(NOTEBOOK_VARIABLE, "").strip()
    if settings.scope == "notebook":
        if not name:
            raise _no_notebook()
        return _notebook_scope(name)
    if settings.scope == "kernel" or not name:
        return _kernel_scope(connection_file)
    if parent_environ is not None and parent_environ.get(NOTEBOOK_VARIABLE, "").strip() == name:
        return _kernel_scope(connection_file)
    scope = _notebook_scope(name)
    return _kernel_scope(connection_file) if notebook_is_held(scope.digest) else scope


def _no_notebook() -> SettingsError:
    return SettingsError(
        f"AZURE_SESSION_SCOPE=notebook, but {NOTEBOOK_VARIABLE} is not set.",
        cause="Only Jupyter Server tells a kernel which notebook it works for.",
        fix="Set AZURE_SESSION_SCOPE=auto (the default), or remove it.",
    )


def _notebook_scope(name: str) -> Scope:
    # Jupyter Server gives an absolute path; an older one a path relative to its root.
    path = os.path.normcase(os.path.abspath(name))  # noqa: PTH100 - no symlinks followed
    return Scope("notebook", json.dumps(["notebook", _user(), path]))


def _kernel_scope(connection_file: str) -> Scope:
    return Scope("kernel", json.dumps(["kernel", _kernel_id(connection_file)]))


def _kernel_id(connection_file: str) -> str:
    """What stays the same when a kernel is restarted, and never comes again for another one.

    The connection file's key is drawn for each kernel and kept over its restarts; file names are
    ``kernel-<uuid>.json`` with Jupyter Server only.
    """
    try:
        key = json.loads(Path(connection_file).read_bytes()).get("key")
    except (OSError, ValueError, AttributeError, RecursionError):
        key = None
    if isinstance(key, str) and len(key) >= _SHORTEST_KEY:
        return key
    match = _KERNEL_FILE.fullmatch(re.split(r"[/\\]", connection_file)[-1])
    return match.group(1).lower() if match else secrets.token_hex(16)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # a container whose user has no name
        if sys.platform == "win32":
            return ""
        return str(os.getuid())


def read_parent_environ() -> Mapping[str, str] | None:
    """The environment the parent process was started with, or None when it can't be known."""
    try:
        raw = Path(f"/proc/{os.getppid()}/environ").read_bytes()
    except OSError:
        return _parent_environ_from_psutil()
    pairs = (os.fsdecode(item).partition("=") for item in raw.split(b"\0") if item)
    return {name: value for name, _, value in pairs}


def _parent_environ_from_psutil() -> Mapping[str, str] | None:
    try:
        psutil = importlib.import_module("psutil")
        return dict(psutil.Process(os.getppid()).environ())
    except Exception:  # not installed, no permission, process gone: unknown
        return None
