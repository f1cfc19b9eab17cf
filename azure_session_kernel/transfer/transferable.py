"""Which of the things that ``%download`` was asked for are files that can be had."""

from __future__ import annotations

from collections.abc import Mapping

from ..common.errors import FileMissing, FileRefused
from ..executors.session_files import Fingerprint, Found, Unfit
from .patterns import escaped
from .quoting import quoted
from .tally import Tally


def transferable(asked: Mapping[str, bool], found: Found, tally: Tally) -> dict[str, Fingerprint]:
    """The files. What else a pattern means is left out; what was asked for by itself is refused.

    :raises FileMissing: :raises FileRefused:
    """
    there: dict[str, Fingerprint] = {}
    for name, by_itself in asked.items():
        match found.get(name):
            case Fingerprint() as fingerprint:
                there[name] = fingerprint
            case Unfit() as unfit if by_itself:
                raise _refused(name, unfit)
            case Unfit() as unfit:
                tally.left_out[name] = unfit.why
            case None if by_itself:
                raise FileMissing(
                    f"There is no {name!r} in the session.", fix="Run %files to see what is there."
                )
            case None:
                tally.left_out[name] = "it is not there any more"
    if not there:
        name, why = next(iter(tally.left_out.items()))
        raise FileRefused(f"Nothing of what is meant can be downloaded: {name!r}, because {why}.")
    return there


def _refused(name: str, unfit: Unfit) -> FileRefused:
    if unfit.is_folder:
        return FileRefused(
            f"{name!r} is a folder in the session.",
            fix=f"To download the files in it: %download {quoted(escaped(name) + '/**')}",
        )
    return FileRefused(f"{name!r} can't be downloaded: {unfit.why}.")
