"""How a built-in pool carries ``%`` and ``+`` in names of files.

Some decode names once more than HTTP does, as Microsoft's published proxy does: ``a+b.txt`` becomes
``a b.txt`` there, in place of the file that has that name. So it is found out, once for each pool,
with a small file among our own, before a file with such a name is carried.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final
from urllib.parse import unquote, unquote_plus

from ...common.errors import FileRefused, PoolError
from .azure import BuiltinPool, Habits

#: What a name becomes in a pool that takes it as it is, or decodes it in either way.
_READINGS: Final = (str, unquote_plus, unquote)
_PLAIN: Final = re.compile(r"[A-Za-z0-9._-]+")
_PROBE: Final = "a+%41"

#: Folder and name.
Place = tuple[str, str]
#: ``known(names)``: what files are, as the interpreter sees them: size and SHA-256 first.
Known = Callable[[Sequence[str]], Awaitable[Mapping[str, Any]]]


def is_plain(name: str) -> bool:
    """Whether Azure surely takes it: which other characters it does is not known."""
    return _PLAIN.fullmatch(name) is not None


def is_special(name: str) -> bool:
    return not set(name).isdisjoint("%+")


def refuse_unfit(name: str) -> None:
    """:raises FileRefused: what a multipart body can't carry as it is, in any pool."""
    if any(c in '"\\' or c < " " or "\ud800" <= c <= "\udfff" for c in name):
        raise _refused(name, "Its file API has no quotation marks, backslashes and the like.")


async def find_out(pool: BuiltinPool, known: Known) -> bool:
    """Sets the pool's habits. False: such names can't be carried.

    :raises PoolError: it can't be told now.
    """
    pool.habits = Habits()
    place = (f".ask/{_PROBE}", _PROBE) if pool.version.flat else ("", f".ask-{_PROBE}")
    content = secrets.token_bytes(16)
    first = found = await _sent_to(pool, place, content, known)
    if found is not None and found != place:
        pool.habits = Habits(folder=found[0] != place[0], upload=found[1] != place[1])
        content = secrets.token_bytes(16)
        found = await _sent_to(pool, place, content, known)
    if found != place or not await _reads(pool, place, content):
        return False
    for used in dict.fromkeys((first, place)):
        with contextlib.suppress(PoolError):
            await pool.delete(*(used or place))
    return True


async def _sent_to(pool: BuiltinPool, place: Place, content: bytes, known: Known) -> Place | None:
    """Folder and name that a file really gets which is sent to ``place``."""
    try:
        await pool.upload(*place, content)
    except PoolError as error:
        _raise_unless_refused(error)
        return None
    readings = {(f(place[0]), g(place[1])) for f in _READINGS for g in _READINGS}
    told = await known([_joined(reading) for reading in readings])
    sha256 = hashlib.sha256(content).hexdigest()
    return next((r for r in readings if _sha256(told.get(_joined(r))) == sha256), None)


async def _reads(pool: BuiltinPool, place: Place, content: bytes) -> bool:
    """Whether it can be had, and with which habit."""
    habits = pool.habits
    for path in (False, True):
        pool.habits = replace(habits, path=path)
        try:
            found = await pool.download(*place)
        except PoolError as error:
            _raise_unless_refused(error)
        else:
            if found is not None and found[0] == content:
                return True
    return False


def _raise_unless_refused(error: PoolError) -> None:
    """:raises PoolError: unless the pool refuses the name."""
    if error.status not in (400, 404):
        raise error


def _joined(place: Place) -> str:
    return "/".join(filter(None, place))


def _sha256(value: Any) -> Any:
    return value[1] if isinstance(value, list) and len(value) > 1 else None


def not_carried(name: str) -> FileRefused:
    return _refused(name, "It takes, or gives, names with % or + as other names.")


def _refused(name: str, cause: str) -> FileRefused:
    return FileRefused(
        f"{name!r} can't be carried to or from this pool under its name. Nothing was transferred.",
        cause=cause,
        fix="Give it a name of letters, digits, dots, hyphens and underscores.",
    )
