"""Writes ``arm_shapes.json``: what Azure Resource Manager takes, as Microsoft's clients know it.

Not collected, as it needs those: ``pip install azure-mgmt-appcontainers azure-mgmt-authorization
azure-mgmt-containerregistry azure-mgmt-containerregistrytasks azure-mgmt-loganalytics
azure-mgmt-msi azure-mgmt-resource``, then ``python -m tests.azure_facts.arm_shapes``. Kinds are
written as in ``specification.json``; what only Azure sets is left out.
"""

from __future__ import annotations

import json
import re
import typing
from enum import Enum
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

#: The class of each resource's body, and the package that has it.
RESOURCES = {
    "Microsoft.App/managedEnvironments@2026-07-01": ("appcontainers", "", "ManagedEnvironment"),
    "Microsoft.App/sessionPools@2026-07-01": ("appcontainers", "", "SessionPool"),
    "Microsoft.ContainerRegistry/registries@2025-11-01": ("containerregistry", "", "Registry"),
    "Microsoft.OperationalInsights/workspaces@2025-07-01": ("loganalytics", "", "Workspace"),
    "Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30": ("msi", "", "Identity"),
    "Microsoft.Authorization/roleAssignments@2022-04-01": (
        "authorization",
        ".v2022_04_01",
        "RoleAssignmentCreateParameters",
    ),
    "Microsoft.Resources/resourceGroups@2025-04-01": ("resource", ".resources", "ResourceGroup"),
    "Microsoft.ContainerRegistry/registries/scheduleRun@2025-03-01-preview": (
        "containerregistrytasks",
        "",
        "DockerBuildRequest",
    ),
}
_SIMPLE = {str: "string", int: "integer", float: "number", bool: "boolean"}
_OLD = {"str": "string", "int": "integer", "float": "number", "bool": "boolean"}

Shapes = dict[str, dict[str, str]]


class _Reader:
    """Of one package; collects the shapes that it comes across."""

    def __init__(self, module: str) -> None:
        self._models = import_module(module)
        self.shapes: Shapes = {}

    def shape(self, cls: Any) -> str:
        if cls.__name__ not in self.shapes:
            self.shapes[cls.__name__] = {}  # it may contain itself
            fields = self._fields(cls) if hasattr(cls, "_is_model") else self._old_fields(cls)
            self.shapes[cls.__name__] = fields
        return str(cls.__name__)

    def _fields(self, cls: Any) -> dict[str, str]:
        cls.__new__(cls)  # makes _attr_to_rest_field
        hints: dict[str, Any] = {}
        for one in reversed(cls.__mro__):
            known = {**vars(import_module(one.__module__)), "_models": self._models}
            known |= {"datetime": import_module("datetime")}
            for name, hint in vars(one).get("__annotations__", {}).items():
                text = hint if isinstance(hint, str) else None
                hints[name] = eval(text, known) if text else typing.get_type_hints(one, known)[name]
        return {
            field._rest_name: self._kind(hints[name])
            for name, field in cls._attr_to_rest_field.items()
            if field._visibility != ["read"]
        }

    def _kind(self, hint: Any) -> str:
        of = [one for one in typing.get_args(hint) if one is not type(None)]
        origin = typing.get_origin(hint)
        if origin is list:
            return f"[{self._kind(of[0])}]"
        if origin is dict:
            return f"{{{self._kind(of[1])}}}"
        if origin is typing.Literal:
            return "|".join(str(getattr(one, "value", one)) for one in of)
        if of:
            enums = [one for one in of if isinstance(one, type) and issubclass(one, Enum)]
            return self._kind((enums or of)[0])
        if isinstance(hint, type) and issubclass(hint, Enum):
            return "|".join(one.value for one in hint)
        if hasattr(hint, "_is_model"):
            return self.shape(hint)
        return _SIMPLE.get(hint, "anything")

    def _old_fields(self, cls: Any) -> dict[str, str]:
        fields: dict[str, str] = {}
        for name, place in cls._attribute_map.items():
            if cls._validation.get(name, {}).get("readonly"):
                continue
            key, kind = place["key"], place["type"]
            within, _, last = key.rpartition(".")
            of = re.sub(r"^\{(.*)\}$", r"\1", kind)
            text = _OLD.get(of, "anything")
            text = f"{{{text}}}" if kind.startswith("{") else text
            if not within:
                fields[key] = text
                continue
            inner = f"{cls.__name__}.{within}"
            fields[within] = inner
            self.shapes.setdefault(inner, {})[last] = text
        return fields


def main() -> None:
    known: dict[str, Any] = {}
    sources: list[str] = []
    for resource, (package, version, name) in RESOURCES.items():
        reader = _Reader(f"azure.mgmt.{package}{version}.models")
        shape = reader.shape(getattr(reader._models, name))
        known[resource] = {"body": shape, "shapes": dict(sorted(reader.shapes.items()))}
        sources.append(f"azure-mgmt-{package} {metadata.version(f'azure-mgmt-{package}')}")
    facts = {"source": f"PyPI: {', '.join(dict.fromkeys(sources))}", "resources": known}
    text = json.dumps(facts, indent=1)
    Path(__file__).with_suffix(".json").write_text(f"{text}\n")


if __name__ == "__main__":
    main()
