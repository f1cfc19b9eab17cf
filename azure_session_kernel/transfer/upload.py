"""The way of one upload: which files, whether they may travel, whether they must; then they do.

Everything that can be refused on this machine is refused before the first byte is sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from ..common.errors import FileRefused
from ..executors.session_files import Fingerprint, Found, SessionFiles, Unfit
from .choose import LocalChoice, choose
from .in_thread import in_thread
from .limits import Limits
from .local_file import opened, unreadable
from .tally import Tally, twice
from .uploads import Uploaded, Uploads


async def upload(
    files: SessionFiles,
    folder: Path,
    patterns: Sequence[str],
    tally: Tally,
    *,
    to: str = "",
    limits: Limits,
    only_missing: bool = False,
    uploads: Uploads | None = None,
) -> None:
    """From the notebook's ``folder`` to the session's folder ``to``.

    What is there with the same content is not sent; with another content it is replaced, unless
    ``only_missing``.

    :param uploads: notes what is there then.
    :raises FileTransferError: :raises SessionLost: :raises PoolError:
    """
    choices = await in_thread(lambda stop: choose(folder, patterns, stop))
    pairs = [(choice, _below(to, choice.name)) for choice in choices]
    there = await files.fingerprints([target for _, target in pairs])
    if only_missing:
        kept = [one for one in pairs if isinstance(there.get(one[1]), Fingerprint)]
        tally.unchanged += [choice.name for choice, _ in kept]
        tally.total_files = len(kept)
        pairs = [one for one in pairs if one not in kept]
    await send(files, pairs, there, tally, limits, uploads)


async def send(
    files: SessionFiles,
    pairs: Sequence[tuple[LocalChoice, str]],
    there: Found,
    tally: Tally,
    limits: Limits,
    uploads: Uploads | None,
) -> None:
    """Each to its name in the session. :param there: what is known of those names."""
    sizes = await asyncio.to_thread(_sizes, [choice for choice, _ in pairs], limits)
    tally.total_files, tally.total_bytes = tally.total_files + len(pairs), sum(sizes)
    for (choice, target), size in zip(pairs, sizes, strict=True):
        done = tally.done_bytes
        found, sent = await _upload_one(files, choice, target, there.get(target), tally)
        (tally.transferred if sent else tally.unchanged).append(choice.name)
        if uploads is not None:
            uploads.note(Uploaded(target, choice.name, found), limits)
        tally.done_bytes = done + size
    await files.settle()


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
