"""The way of one download: which files, whether they may be written here, whether they must; then
they do. Everything that can be refused is refused before the first byte is written.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from threading import Event

from ..common.errors import FileChanged, FileInTheWay, FileMissing, FileTransferError
from ..executors.session_files import Fingerprint, SessionFiles, SmallFile
from .download_folder import folder_in
from .in_thread import in_thread
from .limits import Limits
from .local_file import fingerprint_of, remove_left_over, written
from .local_names import Places, refuse_clashes
from .tally import Tally, twice
from .transferable import transferable
from .wanted import wanted


async def download(
    files: SessionFiles,
    folder: Path,
    patterns: Sequence[str],
    tally: Tally,
    *,
    to: str = "",
    limits: Limits,
    force: bool = False,
) -> None:
    """From the session to the folder ``to`` below the notebook's ``folder``.

    :raises FileInTheWay: another file is there, and not ``force``. Nothing was transferred.
    :raises FileTransferError: :raises SessionLost: :raises PoolError:
    """
    chosen = await asyncio.to_thread(folder_in, folder, to)
    asked = await wanted(files, patterns)
    paths = await in_thread(lambda stop: _paths(chosen, list(asked), stop))
    there = transferable(asked, await files.fingerprints(list(asked)), tally)
    names = list(there)
    for name in names:
        limits.check(name, there[name].size_bytes)
    tally.total_files = len(names)
    tally.total_bytes = sum(there[name].size_bytes for name in names)
    limits.check_all(tally.total_bytes)
    tally.unchanged = [n for n in names if await _is_here(paths[n], n, there[n], force=force)]
    tally.done_bytes = sum(there[name].size_bytes for name in tally.unchanged)
    folders = {paths[name].parent for name in names}
    await asyncio.to_thread(remove_left_over, folders)
    unchanged = set(tally.unchanged)
    left = {name: there[name] for name in names if name not in unchanged}
    for error in (await fetch(files, left, paths, tally, limits, force=force)).values():
        raise error


async def fetch(
    files: SessionFiles,
    there: Mapping[str, Fingerprint],
    paths: Mapping[str, Path],
    tally: Tally,
    limits: Limits,
    *,
    force: bool,
    all_of_them: bool = False,
) -> dict[str, FileTransferError]:
    """Each to its path. The first that fails ends it, unless ``all_of_them``: those that did."""
    failed: dict[str, FileTransferError] = {}
    small = {n: known for n, known in there.items() if known.size_bytes <= files.batch_bytes}
    came = await _download_small(files, small, paths, tally, force=force)
    for name in (name for name in there if name not in came):
        size = there[name].size_bytes
        try:
            await _download_one(files, name, paths[name], size, tally, limits=limits, force=force)
        except FileTransferError as error:
            failed[name] = error
            if not all_of_them:
                break
        else:
            tally.transferred.append(name)
    return failed


def _paths(folder: Path, names: Sequence[str], stop: Event) -> dict[str, Path]:
    """Where they go. Reads folders, so it may block."""
    refuse_clashes(names)
    places, paths = Places(folder), {}
    for name in names:
        if stop.is_set():
            break
        paths[name] = places.of(name)
    return paths


async def _is_here(path: Path, name: str, expected: Fingerprint, *, force: bool) -> bool:
    """Whether this very content is here. :raises FileInTheWay: something else is."""
    if not os.path.lexists(path):  # noqa: ASYNC240 - a stat of a local file
        return False
    if await asyncio.to_thread(path.is_dir):
        raise FileInTheWay(
            f"A folder on this machine is called {name!r}, and so is the session's file.",
            fix="Choose another folder with --to FOLDER.",
        )
    same_size = await asyncio.to_thread(_size_of, path) == expected.size_bytes
    if same_size and (here := await fingerprint_of(path, name)) == expected:
        return not (force and expected.lacks_its_bit(here))
    if force:
        return False
    raise FileInTheWay(
        f"{name!r} is on this machine already, with another content. Nothing was downloaded.",
        fix="Replace it with --force, or choose another folder with --to FOLDER.",
    )


async def _download_small(
    files: SessionFiles,
    expected: Mapping[str, Fingerprint],
    paths: Mapping[str, Path],
    tally: Tally,
    *,
    force: bool,
) -> set[str]:
    """Many at a time; those that have come. What has changed since is left for another look."""
    came: set[str] = set()
    if not expected:
        return came
    async with aclosing(files.download_batch(list(expected))) as wholes:
        async for file in wholes:
            if file.name in came or file.fingerprint != expected.get(file.name):
                continue
            path, name = paths[file.name], file.name
            await asyncio.to_thread(_write, path, file, replace=force)
            came.add(name)
            tally.transferred.append(name)
            tally.add_bytes(len(file.data))
    return came


def _write(path: Path, file: SmallFile, *, replace: bool) -> None:
    with written(path, file.name, replace=replace, like=file.fingerprint) as new:
        new.write(file.data)


async def _download_one(
    files: SessionFiles,
    name: str,
    path: Path,
    size: int,
    tally: Tally,
    *,
    limits: Limits,
    force: bool,
) -> None:
    """:param size: as the tally counts it; it may be another by now, within the same limits."""
    others, done = tally.total_bytes - size, tally.done_bytes

    async def attempt() -> None:
        tally.done_bytes = done
        expected = (await files.fingerprints([name])).get(name)
        if not isinstance(expected, Fingerprint):
            raise FileMissing(f"{name!r} is not in the session any more.")
        limits.check(name, expected.size_bytes)
        limits.check_all(others + expected.size_bytes)
        tally.total_bytes = others + expected.size_bytes
        await _receive(files, name, path, expected, tally, force=force)

    await twice(attempt)


async def _receive(
    files: SessionFiles,
    name: str,
    path: Path,
    expected: Fingerprint,
    tally: Tally,
    *,
    force: bool,
) -> None:
    """:raises FileChanged: it changed since its fingerprint was taken. :raises FileInTheWay:"""
    digest, size = hashlib.sha256(), 0
    with written(path, name, replace=force, like=expected) as file:
        async with aclosing(files.download(name, expected.size_bytes)) as pieces:
            async for piece in pieces:
                digest.update(piece)
                size += len(piece)
                if size > expected.size_bytes:
                    break
                await asyncio.to_thread(file.write, piece)
                tally.add_bytes(len(piece))
        if Fingerprint(size, digest.hexdigest()) != expected:
            raise FileChanged(
                f"{name!r} is being changed in the session while it is downloaded.",
                cause="A program in the session is still writing it.",
                fix="Wait until it is finished, then run the cell again.",
            )


def _size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1
