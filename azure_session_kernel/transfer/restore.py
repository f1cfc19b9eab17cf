"""Files that a lost session had, from where they were uploaded: beside the notebook."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from threading import Event

from ..common.errors import FileTransferError
from ..executors.session_files import SessionFiles
from .choose import LocalChoice, choose
from .in_thread import in_thread
from .limits import Limits
from .patterns import escaped
from .tally import Tally
from .upload import send
from .uploads import Uploaded, Uploads


async def restore(
    files: SessionFiles, folder: Path, uploads: Uploads, tally: Tally, limits: Limits
) -> None:
    """What was uploaded and is not there any more. What is there stays as it is.

    ``tally`` says which of them are gone here, too, or may not travel any more (``left_out``), and
    which have been changed here since (``changed``): those are sent as they are now.

    :raises FileTransferError: :raises SessionLost: :raises PoolError:
    """
    there = await files.fingerprints(uploads.targets)
    missing = [one for one in uploads if one.target not in there]
    tally.unchanged += [one.name for one in uploads if one.target in there]
    tally.total_files = len(tally.unchanged)
    found = await in_thread(lambda stop: _still_here(folder, missing, tally, stop))
    pairs = [(choice, one.target) for one, choice in found]
    await send(files, pairs, {}, tally, limits, uploads)
    now = {one.target: one.fingerprint for one in uploads}
    tally.changed += [one.name for one, _ in found if now[one.target] != one.fingerprint]


def _still_here(
    folder: Path, missing: Sequence[Uploaded], tally: Tally, stop: Event
) -> list[tuple[Uploaded, LocalChoice]]:
    """By the rules of ``%upload``, as they are now."""
    found = []
    for one in missing:
        try:
            (choice,) = choose(folder, [escaped(one.name)], stop)
        except FileTransferError as error:
            tally.left_out[one.name] = error.what.rstrip(".")
        else:
            found.append((one, choice))
    return found
