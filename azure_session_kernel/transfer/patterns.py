"""What the patterns of our magics mean, here and in a session.

``*`` and ``?`` stay within one folder, ``**`` means any folders, or none. A part of a name that
begins with a dot is only meant by a part of the pattern that does, too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from typing import Final

_WILD: Final = re.compile(r"[*?[]")
_BACKSLASH: Final = re.compile(r"\[\\\]|\\")


def is_wild(text: str) -> bool:
    return _WILD.search(text) is not None


def escaped(name: str) -> str:
    """The pattern that means just this name, in which ``/`` separates folders."""
    return re.sub(r"[*?[\\]", r"[\g<0>]", name)


def slashed(text: str) -> str:
    """With ``/`` for a backslash, which separates folders on Windows, but not for ``[\\]``."""
    return _BACKSLASH.sub(lambda found: found[0] if found[0].startswith("[") else "/", text)


class Pattern:
    """One pattern, read a component after the other: its places are how far a name has come.

    :param match: whether a component fits one of the pattern.
    :ivar top: the components before the first with a wildcard, as a folder; "" for none.
    :ivar is_deep: whether files below ``top``'s own folder can be meant, too.
    """

    def __init__(self, text: str, match: Callable[[str, str], bool] = fnmatchcase) -> None:
        parts = [part for part in text.split("/") if part not in ("", ".")]
        literal = next((i for i, part in enumerate(parts) if is_wild(part)), len(parts))
        self.top = "/".join(parts[:literal])
        self._parts = parts[literal:]
        self._match = match
        self.is_deep = len(self._parts) > 1 or "**" in self._parts

    def fits(self, components: Iterable[str]) -> bool:
        """Whether it means the file of this name below ``top``."""
        places = self.start
        for component in components:
            places = self.after(places, component)
        return self.is_end(places)

    @property
    def start(self) -> frozenset[int]:
        return self._with_empty({0})

    def after(self, places: frozenset[int], component: str) -> frozenset[int]:
        """The places after one component more; none when nothing below it can be meant."""
        reached = set()
        for place in places - {len(self._parts)}:
            part = self._parts[place]
            if component.startswith(".") and not part.startswith("."):
                continue
            if part == "**":
                reached.add(place)
            if self._match(component, part):
                reached.add(place + 1)
        return self._with_empty(reached)

    def is_end(self, places: frozenset[int]) -> bool:
        return len(self._parts) in places

    def _with_empty(self, places: set[int]) -> frozenset[int]:
        """``**`` also means no folder at all."""
        for i, part in enumerate(self._parts):
            if i in places and part == "**":
                places = places | {i + 1}
        return frozenset(places)
