"""``/mnt/data``: the folder in which Azure's sessions work, and which code written for Azure names.

In a container it is a folder like any other. On a machine that sessions share, each sees its own
there: in a mount namespace, which Linux allows to root and, on most systems, to everybody in a user
namespace. Nothing changes outside, and nothing is left: it ends with the session's last process.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

DATA: Final = Path("/mnt/data")
_PROBE_WITHIN_S: Final = 10.0

# Numbers of Linux: sched.h, sys/mount.h, sys/prctl.h; os has the first two from Python 3.12 on.
_NEW_MOUNTS, _NEW_USER = 0x00020000, 0x10000000
_READ_ONLY, _REMOUNT, _BIND, _REC, _SLAVE = 0x1, 0x20, 0x1000, 0x4000, 0x80000
_TREE = _BIND | _REC  # in a user namespace, what is mounted below can't be left out
_CAPABILITIES_3 = 0x20080522


def make_own(folder: Path) -> Path:
    """``DATA``, which from now on is ``folder`` for this process and those that it starts.

    Called while it has one thread only.

    :raises OSError: the system does not allow it.
    """
    if sys.platform != "linux":
        raise _no_namespaces()
    folder = folder.absolute()
    with_user = os.geteuid() != 0
    _enter(with_user=with_user)
    if DATA.is_dir() and not DATA.is_symlink():
        _mount(folder, DATA, _TREE)
    else:
        _put_beside_the_others(folder)
    if with_user:
        _drop_capabilities()
    return DATA


def can_make_own() -> bool:
    """Whether :func:`make_own` works here; tried in a process of its own."""
    if sys.platform != "linux":
        return False
    with tempfile.TemporaryDirectory(prefix="mnt-data-") as folder:
        try:
            tried = subprocess.run(
                [sys.executable, "-I", "-S", __file__, folder],
                capture_output=True,
                timeout=_PROBE_WITHIN_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return False
        return tried.returncode == 0 and (Path(folder) / "tried").exists()


def _enter(*, with_user: bool) -> None:
    """Mounts of its own, which take over what is mounted and unmounted outside later."""
    if sys.platform != "linux":
        raise _no_namespaces()
    user, group = os.geteuid(), os.getegid()
    _call("unshare", _NEW_MOUNTS | (_NEW_USER if with_user else 0))
    if with_user:  # who has the same numbers as outside, and nobody else's
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    _mount(None, Path("/"), _REC | _SLAVE)


def _put_beside_the_others(folder: Path) -> None:
    """Where there is no ``/mnt/data``: another ``/mnt`` with all that is there, and ``data``.

    What is there may be the user's home, as on WSL. Nothing else can be created in it: that would
    be lost with the session.
    """
    if sys.platform != "linux":
        raise _no_namespaces()
    others = [path for path in DATA.parent.iterdir() if path.name != DATA.name]
    links = {path: path.readlink() for path in others if path.is_symlink()}
    shown = {path: path for path in others if path not in links} | {DATA: folder}
    # By descriptor: from the mount on, their names lead elsewhere.
    held = {path: os.open(there, os.O_PATH) for path, there in shown.items()}
    _mount(Path("tmpfs"), DATA.parent, 0, b"tmpfs", b"mode=0755")
    for path, target in links.items():
        path.symlink_to(target)
    for path, there in held.items():
        path.mkdir() if stat.S_ISDIR(os.fstat(there).st_mode) else path.touch()
        _mount(Path(f"/proc/self/fd/{there}"), path, _TREE)
        os.close(there)
    _mount(None, DATA.parent, _REMOUNT | _BIND | _READ_ONLY)


def _no_namespaces() -> OSError:
    return OSError(errno.ENOSYS, "only Linux has namespaces")


def _drop_capabilities() -> None:
    """Those over the new namespace, as a program that this process starts has none either."""
    _call("capset", (ctypes.c_uint32 * 2)(_CAPABILITIES_3, 0), (ctypes.c_uint32 * 6)())


def _mount(
    what: Path | None, where: Path, flags: int, kind: bytes | None = None, data: bytes | None = None
) -> None:
    source = None if what is None else bytes(what)
    _call("mount", source, bytes(where), kind, ctypes.c_ulong(flags), data)


def _call(name: str, *arguments: object) -> None:
    if ctypes.CDLL(None, use_errno=True)[name](*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


if __name__ == "__main__":  # what can_make_own tries
    (make_own(Path(sys.argv[1])) / "tried").touch()
