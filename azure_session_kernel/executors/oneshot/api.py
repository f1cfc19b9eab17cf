"""How a one-shot pool is asked to run code: three request shapes (docs/azure.md 3.6, 4.3, 7).

Where ``{"properties": {…}}`` is refused, ``{"code", "stdin"}`` is tried: the commonest of the
shapes that people give their own programs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from ...common.errors import PoolError, UnexpectedAnswer
from .answer import field_of, from_json, is_missing, wrong_fields

#: Microsoft's plain sample; Piston's own.
SAMPLE_PATH: Final = "/execute"
PISTON_PATH: Final = "/api/v2/execute"

#: By which a program refuses a request that it can't read.
OTHER_SHAPE: Final = (400, 422, 500)
_MORE_FIELDS: Final = ("stdin", "language")
_NAMES: Final = frozenset({"python", "python3", "py"})


class NoPython(UnexpectedAnswer):
    """A program that takes code answers, and does not run Python."""

    ename = "UnexpectedAnswer"


@dataclass(frozen=True)
class Api:
    """:ivar path: what is posted to.
    :ivar piston_version: the runtime to name in Piston's own shape, or "".
    :ivar fields: of ``{"code", "stdin", "language"}``, those that are sent at the top level; none:
        ``{"properties": {"code", "stdin"}}``.
    """

    path: str
    piston_version: str = ""
    fields: tuple[str, ...] = ()

    def body(self, code: str, stdin: str) -> dict[str, Any]:
        if self.fields:
            values = {"code": code, "stdin": stdin, "language": "python"}
            return {name: values[name] for name in self.fields}
        if not self.piston_version:
            return {"properties": {"code": code, "stdin": stdin}}
        return {
            "language": "python",
            "version": self.piston_version,
            "files": [{"name": "main.py", "content": code}],
            "stdin": stdin,
        }

    def __str__(self) -> str:
        if self.piston_version:
            return f"POST {self.path}, Piston's own API with Python {self.piston_version}"
        if self.fields:
            return f"POST {self.path} with {{{', '.join(self.fields)}}}"
        return f"POST {self.path}"


class FieldsWanted(UnexpectedAnswer):
    """A program that takes code takes it in a shape that this kernel does not know."""

    ename = "UnexpectedAnswer"


def next_shape(api: Api, refused: PoolError) -> Api | None:
    """What to try next where a harmless program was refused; None: nothing more."""
    if api.piston_version or not (isinstance(refused, NoPython) or refused.status in OTHER_SHAPE):
        return None
    if not api.fields:
        return replace(api, fields=("code", "stdin"))
    missing, extra = set[str](), set[str]()
    for one in _wrong(refused):
        name = field_of(one).removeprefix("body.")
        (missing if is_missing(one) else extra).add(name)
    kept = [name for name in api.fields if name == "code" or name not in extra]
    more = [name for name in _MORE_FIELDS if name in missing and name not in kept]
    fields = (*kept, *more)
    return replace(api, fields=fields) if fields != api.fields else None


def fields_wanted(path: str, refused: PoolError) -> FieldsWanted | None:
    """The error for a request whose fields were refused, if that is what the answer says."""
    wanted = wrong_fields(from_json(refused.whole))
    if not wanted:
        return None
    error = FieldsWanted(
        f"The container's `{path}` wants other fields: {', '.join(wanted)}.",
        cause='It was asked with {"properties": {"code", "stdin"}} and with {"code"}.',
        fix='Let the program in the image take {"code": "..."}; or set AZURE_SESSION_EXECUTE_PATH '
        "to a path that does.",
    )
    error.status, error.code = refused.status, refused.code
    error.body, error.whole = refused.body, refused.whole
    return error


def _wrong(refused: PoolError) -> Iterator[dict[str, Any]]:
    value = from_json(refused.whole)
    found = value.get("detail") if isinstance(value, dict) else None
    yield from (one for one in found or () if field_of(one)) if isinstance(found, list) else ()


def is_piston_path(path: str) -> bool:
    """Whether the path says by itself that Piston's own shape is due."""
    return path.rstrip("/").endswith(PISTON_PATH)


def runtimes_path(execute_path: str) -> str:
    return execute_path.rstrip("/").removesuffix("execute") + "runtimes"


def piston_version(value: Any) -> str:
    """The newest Python that ``GET …/runtimes`` lists.

    :raises UnexpectedAnswer: not such a list. :raises NoPython: no Python in it.
    """
    known = isinstance(value, list) and all(isinstance(item, dict) for item in value)
    if not known or not all("language" in item for item in value):
        raise UnexpectedAnswer("The pool's list of runtimes is none.")
    versions = [str(item["version"]) for item in value if _is_python(item)]
    if versions:
        return max(versions, key=_numbers)
    names = [str(item["language"])[:30] for item in value[:10]]
    raise NoPython(
        f"The pool's Piston has no Python runtime; it has: {', '.join(names) or 'none at all'}.",
        cause="Piston's languages are packages that are installed after it was started.",
        fix="Install the package python in the image (Piston: POST /api/v2/packages).",
    )


def _is_python(item: dict[str, Any]) -> bool:
    if not isinstance(item.get("version"), str):
        return False
    aliases = item.get("aliases")
    names = {item.get("language"), *(aliases if isinstance(aliases, list) else ())}
    return bool(_NAMES & {name for name in names if isinstance(name, str)})


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d{1,9}", version)[:4])
