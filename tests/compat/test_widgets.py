"""Every core widget, and the uses of widgets, on both kernels."""

from __future__ import annotations

import ipywidgets  # type: ignore[import-untyped,unused-ignore]
import pytest
from ipywidgets.widgets.widget import (  # type: ignore[import-untyped,unused-ignore]
    _registry,
)

from .case import Case
from .conftest import Both
from .widget_cases import CORE_WIDGETS, WIDGET_USES
from .widget_table import WIDGETS

#: Never made by itself.
ABSTRACT = {"_Media"}


def test_every_widget_of_ipywidgets_is_in_the_table() -> None:
    scope = {"w": ipywidgets}
    made = {type(eval(widget.make, scope)).__name__ for widget in WIDGETS}
    made |= {type(model).__name__ for model in ipywidgets.widget._instances.values()}
    ipywidgets.Widget.close_all()
    assert {one.__name__ for one in _classes(_registry._registry)} - made == ABSTRACT


def _classes(registry: object) -> list[type]:
    """Leaves of nested dictionaries: module, version and name of model and view."""
    if not isinstance(registry, dict):
        assert isinstance(registry, type)
        return [registry]
    return [one for inner in registry.values() for one in _classes(inner)]


@pytest.mark.parametrize("case", CORE_WIDGETS.cases, ids=str)
def test_a_widget_lives_the_same_life_on_both_kernels(both: Both, case: Case) -> None:
    case.check(*both)


@pytest.mark.parametrize("case", WIDGET_USES.cases, ids=str)
def test_widgets_work_the_same_on_both_kernels(both: Both, case: Case) -> None:
    case.check(*both)
