"""Locks as Windows has them."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from azure_session_kernel.common import file_lock


@pytest.mark.skipif(sys.platform == "win32", reason="there, tests/pool shows it")
def test_what_is_locked_on_windows_can_still_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There, a locked byte can be written by no other handle: no byte of the content is locked."""
    locked: list[range] = []

    def locking(fd: int, mode: int, count: int) -> None:
        begin = os.lseek(fd, 0, os.SEEK_CUR)
        locked.append(range(begin, begin + count))

    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setitem(sys.modules, "msvcrt", SimpleNamespace(locking=locking, LK_NBLCK=2))
    lock = _loaded_again().FileLock(tmp_path / "note")
    lock.acquire()
    (tmp_path / "note").write_bytes(bytes(1000))
    lock.release(remove=False)
    ((first, *_),) = locked
    assert 1000 <= first < 2**31 - 1


def _loaded_again() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "azure_session_kernel.common._file_lock_of_windows", Path(str(file_lock.__file__))
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
