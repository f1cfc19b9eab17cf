"""How a one-shot pool is asked to run code: two request shapes (azure/README 3.6, 4.3, 7)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from ..errors import UnexpectedAnswer

DEFAULT_PATH: Final = "/python/execute"
#: Microsoft's plain sample; Piston's own.
SAMPLE_PATH: Final = "/execute"
PISTON_PATH: Final = "/api/v2/execute"

_NAMES: Final = frozenset({"python", "python3", "py"})


class NoPython(UnexpectedAnswer):
    """A program that takes code answers, and does not run Python."""

    ename = "UnexpectedAnswer"


@dataclass(frozen=True)
class Api:
    """:ivar path: what is posted to.
    :ivar piston_version: the runtime to name in Piston's own shape; "" for
        ``{"properties": {"code", "stdin"}}``.
    """

    path: str
    piston_version: str = ""

    def body(self, code: str, stdin: str) -> dict[str, Any]:
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
        return f"POST {self.path}"


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
