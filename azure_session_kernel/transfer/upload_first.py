"""``AZURE_SESSION_UPLOAD``: what every fresh session gets before its first cell."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..common.errors import FileTransferError
from ..executors.session_files import SessionFiles
from .limits import Limits
from .tally import Tally
from .upload import upload


async def upload_first(files: SessionFiles, patterns: Sequence[str], folder: Path) -> None:
    """What is missing there, or has changed here since it was brought: a restarted interpreter
    keeps the files that it has changed. A pattern may mean nothing, for it stands for many
    notebooks; a name is meant.

    :param folder: the notebook's.
    :raises FileTransferError: saying that the setting is the reason.
    """
    try:
        await upload(files, folder, patterns, Tally(), limits=Limits(), for_start=True)
    except FileTransferError as error:
        error.what = f"The files of AZURE_SESSION_UPLOAD were not uploaded: {error.what}"
        error.cause = f"{error.cause} This cell was not run; the next one will be.".strip()
        raise
