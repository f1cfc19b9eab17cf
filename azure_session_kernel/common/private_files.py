"""Files that only this user may read: the identity secret, leases, the local pool's token.

They live in ``<Jupyter data directory>/azure-session-kernel``, directory mode 0700, files 0600.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from jupyter_core.paths import jupyter_data_dir

from .errors import StateUnusable

#: How long others may have a file open on Windows; elsewhere that does not matter.
_READ_WITHIN_S = 1.0 if sys.platform == "win32" else 0.0
_PAUSE_S: Final = 0.01


def state_dir() -> Path:
    """Where this user's private files are. Not created here."""
    return Path(jupyter_data_dir()) / "azure-session-kernel"


def make_private_dir(path: Path) -> Path:
    """Create ``path`` with mode 0700, and so whatever is missing above it.

    :raises StateUnusable: when it can't be created or written to.
    """
    try:
        for missing in [path, *path.parents][::-1]:  # mkdir's mode is for the last one only
            missing.mkdir(mode=0o700, exist_ok=True)
        if not os.access(path, os.W_OK | os.X_OK):
            raise PermissionError(13, "Permission denied", str(path))
    except OSError as error:
        raise StateUnusable(
            f"The directory {path} can't be written to ({error.strerror}).",
            cause="This kernel keeps its identity secret and its leases there.",
            fix="Make it writable for your user, or set JUPYTER_DATA_DIR to a directory that is.",
        ) from error
    return path


def write_private(path: Path, data: bytes, *, exclusive: bool = False) -> None:
    """Write ``data`` with mode 0600, whole or not at all.

    :param exclusive: never replace an existing file.
    :raises FileExistsError: with ``exclusive``, when ``path`` exists.
    :raises StateUnusable: when it can't be written.
    """
    make_private_dir(path.parent)
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise _unwritable(path, error) from error
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if exclusive:
            _link_exclusively(temporary, path)
        else:
            _replace(temporary, path)
    except FileExistsError:
        raise
    except OSError as error:
        raise _unwritable(path, error) from error
    finally:
        with contextlib.suppress(FileNotFoundError):
            Path(temporary).unlink()


def _replace(temporary: str, path: Path) -> None:
    """On Windows, a file that somebody reads just now can't be replaced: that passes."""
    deadline = time.monotonic() + _READ_WITHIN_S
    while True:
        try:
            os.replace(temporary, path)  # noqa: PTH105
        except PermissionError:
            if time.monotonic() >= deadline:
                raise
            time.sleep(_PAUSE_S)
        else:
            return


def _link_exclusively(temporary: str, path: Path) -> None:
    """Give ``temporary`` its final name, failing if that name is taken."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise
    except OSError:
        # A file system without hard links: rename refuses to replace only on Windows, so the
        # check before it is the best there is.
        if path.exists():
            raise FileExistsError(path) from None
        _replace(temporary, path)


def _unwritable(path: Path, error: OSError) -> StateUnusable:
    return StateUnusable(
        f"{path} can't be written ({error.strerror}).",
        fix="Make the directory writable for your user and check the free space on the disk.",
    )
