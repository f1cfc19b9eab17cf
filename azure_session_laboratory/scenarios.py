"""All scenarios, by name: in the container, at the front, on the way, and at the caller."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from .at_the_caller import AT_THE_CALLER
from .at_the_front import AT_THE_FRONT
from .healthy import HEALTHY
from .in_the_container import IN_THE_CONTAINER
from .on_the_way import ON_THE_WAY
from .scenario import Scenario

SCENARIOS: Final[Mapping[str, Scenario]] = {
    scenario.name: scenario
    for scenario in (*IN_THE_CONTAINER, *AT_THE_FRONT, *ON_THE_WAY, *AT_THE_CALLER, *HEALTHY)
}
