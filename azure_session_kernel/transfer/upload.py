"""The way of one upload: which files, whether they may travel, whether they must; then they do.

Everything that can be refused on this machine is refused before the first byte is sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, Protocol

from ..common.errors import FileRefused
from ..executors.session_files import Fingerprint, Found, SessionFiles, SmallFile, Unfit
from .choose import LocalChoice, choose
from .in_thread import in_thread
from .limits import Limits
from .local_file import opened, read_small, unreadable
from .tally import Tally, twice
from .uploads import Uploaded, Uploads

#: Small files that are held in memory at a time, together with the last one.
_HELD_BYTES: Final = 4 * 1024 * 1024
_HELD_FILES: Final = 1000

#: A file here, and its name in the session.
Pair = tuple[LocalChoice, str]


class IsThere(Protocol):
    """Told of each file that the session has; ``sent``: it was not there before."""

    def __call__(
        self, choice: LocalChoice, target: str, found: Fingerprint, *, sent: bool
    ) -> None: ...


async def upload(
    files: SessionFiles,
    folder: Path,
    patterns: Sequence[str],
    tally: Tally,
    *,
    to: str = "",
    limits: Limits,
    for_start: bool = False,
    uploads: Uploads | None = None,
) -> None:
    """From the notebook's ``folder`` to the session's folder ``to``.

    What is there with the same content is not sent; with another content it is replaced.

    :param for_start: a pattern may mean nothing, and what has been changed there since it was
        changed here stays.
    :param uploads: notes what is there then.
    :raises FileTransferError: :raises SessionLost: :raises PoolError:
    """
    choices = await in_thread(lambda stop: choose(folder, patterns, stop, may_be_none=for_start))
    pairs = [(choice, _below(to, choice.name)) for choice in choices]
    there = await files.fingerprints([target for _, target in pairs])
    if for_start:
        kept = await asyncio.to_thread(_newer_there, pairs, there)
        tally.unchanged += [choice.name for choice, _ in kept]
        tally.total_files = len(kept)
        gone = set(kept)
        pairs = [one for one in pairs if one not in gone]
    await send(files, pairs, there, tally, limits, uploads)


def _newer_there(pairs: Sequence[Pair], there: Found) -> list[Pair]:
    """Where no time is known, all that is there."""
    kept = []
    for choice, target in pairs:
        known = there.get(target)
        if isinstance(known, Fingerprint) and (
            known.mtime_ns is None or known.mtime_ns >= _mtime_ns(choice.path)
        ):
            kept.append((choice, target))
    return kept


def _mtime_ns(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


async def send(
    files: SessionFiles,
    pairs: Sequence[Pair],
    there: Found,
    tally: Tally,
    limits: Limits,
    uploads: Uploads | None,
) -> None:
    """Each to its name in the session. :param there: what is known of those names."""
    sizes = await asyncio.to_thread(_sizes, [choice for choice, _ in pairs], limits)
    tally.total_files, tally.total_bytes = tally.total_files + len(pairs), sum(sizes)

    def is_there(choice: LocalChoice, target: str, found: Fingerprint, *, sent: bool) -> None:
        (tally.transferred if sent else tally.unchanged).append(choice.name)
        if uploads is not None:
            uploads.note(Uploaded(target, choice.name, found), limits)

    by_itself = list(zip(pairs, sizes, strict=True))
    if files.batch_bytes:
        small = [one for one in by_itself if one[1] <= files.batch_bytes]
        by_itself = [one for one in by_itself if one[1] > files.batch_bytes]
        for portion in _portions(small):
            by_itself += await _send_small(files, portion, there, tally, is_there)
    for (choice, target), size in by_itself:
        done = tally.done_bytes
        found, sent = await _upload_one(files, choice, target, there.get(target), tally)
        is_there(choice, target, found, sent=sent)
        tally.done_bytes = done + size
    await files.settle()


async def _send_small(
    files: SessionFiles,
    portion: Sequence[tuple[Pair, int]],
    there: Found,
    tally: Tally,
    is_there: IsThere,
) -> list[tuple[Pair, int]]:
    """Together; those that have become too large for it, or are being changed, are left."""
    read = await asyncio.to_thread(_read, portion, files.batch_bytes)
    choices = {target: choice for (choice, target), _ in portion}
    left: list[tuple[Pair, int]] = []
    changed = []

    def told(file: SmallFile, *, sent: bool = True) -> None:
        is_there(choices[file.name], file.name, file.fingerprint, sent=sent)
        tally.add_bytes(len(file.data))

    for one, file in zip(portion, read, strict=True):
        if file is None:
            left.append(one)
            continue
        known = there.get(file.name)
        if file.fingerprint == known and not file.fingerprint.lacks_its_bit(known):
            told(file, sent=False)
        else:
            changed.append(file)
    await files.upload_batch(changed, told)
    return left


def _portions(small: Sequence[tuple[Pair, int]]) -> Iterator[list[tuple[Pair, int]]]:
    """What may be held in memory at a time."""
    portion: list[tuple[Pair, int]] = []
    held = 0
    for one in small:
        portion.append(one)
        held += one[1]
        if held >= _HELD_BYTES or len(portion) == _HELD_FILES:
            yield portion
            portion, held = [], 0
    if portion:
        yield portion


def _read(portion: Sequence[tuple[Pair, int]], most_bytes: int) -> list[SmallFile | None]:
    """Each under its name in the session."""
    found = []
    for (choice, target), _ in portion:
        file = read_small(choice.path, choice.name, most_bytes)
        found.append(file and replace(file, name=target))
    return found


async def _upload_one(
    files: SessionFiles,
    choice: LocalChoice,
    target: str,
    there: Fingerprint | Unfit | None,
    tally: Tally,
) -> tuple[Fingerprint, bool]:
    """What it is, and False when it was there already.

    A file that changes meanwhile gets a second chance.
    """
    done = tally.done_bytes

    async def attempt() -> tuple[Fingerprint, bool]:
        tally.done_bytes = done
        async with opened(choice.path, choice.name) as source:
            found = await source.take_fingerprint()
            if found == there and not found.lacks_its_bit(there):
                return found, False
            await files.upload(target, source, tally.add_bytes)
            return found, True

    return await twice(attempt)


def _sizes(choices: Sequence[LocalChoice], limits: Limits) -> list[int]:
    """:raises FileTooLarge: before anything is read."""
    sizes = []
    for choice in choices:
        try:
            sizes.append(choice.path.stat().st_size)
        except OSError as error:
            raise unreadable(choice.name, error) from error
        limits.check(choice.name, sizes[-1])
    limits.check_all(sum(sizes))
    return sizes


def _below(folder: str, name: str) -> str:
    """A name in the session. :raises FileRefused: ``..`` and ``~`` do not exist there."""
    folder = folder.replace("\\", "/").strip("/")
    if ".." in folder.split("/") or folder.startswith("~"):
        raise FileRefused(
            f"{folder!r} is not a folder below the session's working directory.",
            fix="Give a folder without '..' or '~' after --to.",
        )
    return f"{folder}/{name}" if folder not in ("", ".") else name
