"""Which of the session's files the patterns of ``%download`` mean.

Patterns mean what they mean for local files (``patterns.py``).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from ..common.errors import FileMissing, FileTooLarge
from ..executors.session_files import Listing, SessionFile, SessionFiles
from .choose import MAX_FILES
from .local_names import MAX_DEPTH
from .patterns import Pattern, is_wild, slashed


async def wanted(files: SessionFiles, patterns: Sequence[str]) -> dict[str, bool]:
    """Names, each once, and whether it was asked for by itself, not by a pattern.

    The names are as the session says them: untrusted. What has one of them may be no file.

    :raises FileMissing: a pattern that means nothing. :raises FileTooLarge: too many files.
    """
    names: dict[str, bool] = {}
    listings: dict[tuple[str, bool], Listing] = {}
    for text in patterns:
        text = text.removeprefix("./").rstrip("/")
        for name, by_itself in (await _meant(files, text, listings)).items():
            names[name] = by_itself or names.get(name, False)
        if len(names) > MAX_FILES:
            raise FileTooLarge(
                f"These patterns mean more than {MAX_FILES} files.", fix="Name fewer."
            )
    return names


async def _meant(
    files: SessionFiles, text: str, listings: dict[tuple[str, bool], Listing]
) -> dict[str, bool]:
    """By one pattern. Only the folder that it names is listed, and each folder once."""
    if not is_wild(text):
        there = "\\" not in text or await files.fingerprints([text])
        return {text if there else slashed(text): True}
    pattern = Pattern(slashed(text))
    where = (pattern.top, pattern.is_deep)
    if where not in listings:
        listings[where] = await files.list(pattern.top, recursive=pattern.is_deep)
    listing = listings[where]
    if any(entry.name == text for entry in listing.entries):
        return {text: True}
    if listing.truncated:
        raise FileTooLarge(
            f"The session has too many files to find all that {text!r} means.",
            fix="Name a folder with fewer files, for instance: %download FOLDER/*.csv",
        )
    found = await asyncio.to_thread(_matches, pattern, listing.entries)
    if not found:
        raise FileMissing(
            f"No file in the session matches {text!r}.", fix="Run %files to see what is there."
        )
    return dict.fromkeys(found, False)


async def named_by(files: SessionFiles, text: str) -> list[SessionFile]:
    """What a pattern with wildcards means, perhaps nothing.

    :raises FileMissing: no such folder. :raises FileTooLarge:
    """
    pattern = Pattern(slashed(text.removeprefix("./")))
    listing = await files.list(pattern.top, recursive=pattern.is_deep)
    names = set(await asyncio.to_thread(_matches, pattern, listing.entries))
    if listing.truncated or len(names) > MAX_FILES:
        raise FileTooLarge(f"The session has too many files to find all that {text!r} means.")
    return [entry for entry in listing.entries if entry.name in names]


def _matches(pattern: Pattern, entries: Sequence[SessionFile]) -> list[str]:
    return [e.name for e in entries if not e.is_directory and _is_meant(e.name, pattern)]


def _is_meant(name: str, pattern: Pattern) -> bool:
    components = name.split("/")[: MAX_DEPTH + 1]
    top = pattern.top.split("/") if pattern.top else []
    return components[: len(top)] == top and pattern.fits(components[len(top) :])
