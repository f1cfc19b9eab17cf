"""What ``pool --faults`` and ``--fault-scenario`` need: a package that only a clone has."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ..common.errors import SettingsError
from ..common.pip_hint import pip_install
from ..emulator.front.surface import Faults

if TYPE_CHECKING:
    from azure_session_laboratory.scenario import Scenario

_NAME = "azure_session_laboratory"


def scenarios() -> Mapping[str, Scenario]:
    """The broken pools, by name. :raises SettingsError: they are not here."""
    with _named_if_missing():
        from azure_session_laboratory.scenarios import SCENARIOS
    return SCENARIOS


def faults(path: Path) -> Faults:
    """Those of a file. :raises SettingsError: it can't be read; they are not here."""
    with _named_if_missing():
        from azure_session_laboratory.faults.front import read_faults
    return read_faults(path)


@contextlib.contextmanager
def _named_if_missing() -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name != _NAME:
            raise
        raise SettingsError(
            f"Broken pools and faults are in the package {_NAME}, which is not part of an "
            "installation but of this project's repository: clone it, and in the clone run:\n"
            f"{pip_install('-e', '.[local]')}"
        ) from error
