"""Reads ``deploy/Dockerfile`` and the files that a build of it is given.

As much of the format as that file uses; anything else is refused, so that no line of it goes
unproven.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from . import DEPLOY, ROOT

KNOWN = {"ARG", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM"}
KNOWN |= {"HEALTHCHECK", "RUN", "SHELL", "USER", "WORKDIR"}


@dataclass(frozen=True)
class Layer:
    """One instruction; ``value`` is what follows it, in one line for the shell."""

    name: str
    value: str

    @property
    def words(self) -> list[str]:
        """Of an instruction in JSON form."""
        words: list[str] = json.loads(self.value)
        return words


def layers(path: Path = DEPLOY / "Dockerfile") -> list[Layer]:
    """:raises ValueError: an instruction, or a form of one, that this does not know."""
    lines = [line for line in path.read_text().splitlines() if not line.lstrip().startswith("#")]
    whole = re.sub(r"\\\n", "", "\n".join(lines))
    found = [Layer(*line.split(maxsplit=1)) for line in whole.splitlines() if line.strip()]
    for layer in found:
        if layer.name not in KNOWN or layer.value.startswith("--"):
            raise ValueError(f"{layer.name} {layer.value}: teach {__name__} to read this")
    return found


def value_of(name: str) -> str:
    """Of the last instruction ``name``."""
    return [layer.value for layer in layers() if layer.name == name][-1]


def pairs(value: str) -> Iterator[tuple[str, str]]:
    """The ``NAME=VALUE`` of an ARG or ENV."""
    for pair in value.split():
        name, _, text = pair.partition("=")
        yield name, text


def expanded(text: str, variables: Mapping[str, str]) -> str:
    return re.sub(r"\$(\w+)", lambda match: variables.get(match[1], ""), text)


def arguments() -> dict[str, str]:
    """Each ARG with its default."""
    return dict(pair for layer in layers() if layer.name == "ARG" for pair in pairs(layer.value))


def context() -> list[Path]:
    """The files that a build is given: those that ``.dockerignore`` lets pass, by its last match.

    Relative to the root. As Docker and ``az acr build`` do it, ``*`` stays within a folder, ``**``
    does not, and what is said of a folder holds for what is in it.
    """
    rules = [_rule(line) for line in (ROOT / ".dockerignore").read_text().splitlines()]
    return [path for path in _files(ROOT) if not _ignored(path, [rule for rule in rules if rule])]


_Rule = tuple[re.Pattern[str], bool]


def _rule(line: str) -> _Rule | None:
    if not line or line.startswith("#"):
        return None
    pattern = re.escape(line.removeprefix("!"))
    pattern = pattern.replace(r"\*\*/", "(.*/)?").replace(r"\*", "[^/]*")
    return re.compile(pattern), not line.startswith("!")


def _ignored(path: Path, rules: list[_Rule]) -> bool:
    names = [path, *path.parents][:-1]
    matching = [ignored for rule, ignored in rules if any(map(rule.fullmatch, map(str, names)))]
    return bool(matching) and matching[-1]


def _files(root: Path) -> Iterator[Path]:
    for top in root.iterdir():
        if top.name not in (".git", ".venv"):  # large, and slow to walk
            found = top.rglob("*") if top.is_dir() else iter([top])
            yield from (path.relative_to(root) for path in found if path.is_file())
