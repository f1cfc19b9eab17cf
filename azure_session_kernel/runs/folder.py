"""The output folder: whether this run may write there, and what an earlier one has left."""

from __future__ import annotations

import os
from pathlib import Path

from .journal import JOURNAL, History, is_run_folder, read_history
from .notebook import UNFINISHED
from .plan import RunSettings, Shard, check_same_settings
from .unusable import RunUnusable


def history_of(output: Path, told: RunSettings, shard: Shard, resume: bool) -> History | None:
    """What is gone on with; None where there is nothing.

    :raises RunUnusable: that is not meant, or would not fit.
    """
    if is_run_folder(output):
        if not resume:
            raise RunUnusable(
                f"--output-dir {output} has the results of an earlier run.\n"
                "  What to do:   add --resume to go on with it, or choose another folder"
            )
        history = read_history(output)
        check_same_settings(history, told)
        before = history.run.get("shard")
        if before != str(shard):
            raise RunUnusable(
                f"the earlier run was of --shard {before}, not {shard}.\n"
                "  What to do:   give the same one, or choose another --output-dir"
            )
        return history
    if output.is_dir() and any(one.name != JOURNAL for one in output.iterdir()):
        raise RunUnusable(
            f"--output-dir {output} has other files, and no run's results.\n"
            "  What to do:   choose a new folder"
        )
    return None


def make_folder(output: Path) -> None:
    """:raises RunUnusable: it can't be."""
    try:
        output.mkdir(parents=True, exist_ok=True)
        if not os.access(output, os.W_OK | os.X_OK):
            raise PermissionError(13, "Permission denied")
    except OSError as error:
        raise RunUnusable(
            f"--output-dir {output} can't be written to ({error.strerror}).\n"
            "  What to do:   choose a folder that you may write to"
        ) from None


def remove_unfinished(output: Path) -> None:
    """What a killed run was writing. Only while the journal is locked."""
    for left in output.rglob(f".*{UNFINISHED}"):
        left.unlink(missing_ok=True)
