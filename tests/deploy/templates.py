"""The templates as the bodies that they send to Azure Resource Manager.

Names and sizes are resolved from ``deploy/names.json`` and switches by their defaults. What only a
deployment knows, such as another resource's id, is ``LATER``. Bicep's parser makes no difference
between a text and a name, so a lone parameter stands as its name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import hcl2
from pycep import BicepParser

from . import DEPLOY, NAMES


class _Later:
    """Equal to whatever the other template says there."""

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0


LATER: Final = _Later()
Bodies = dict[str, dict[str, Any]]


def bicep(name: str) -> Bodies:
    """By the name within the template; ``type`` is the resource's type and version."""
    parsed = BicepParser().parse(file_path=DEPLOY / f"bicep/{name}.bicep")
    switches = {n: one.get("default") for n, one in parsed.get("parameters", {}).items()}

    def resolved(node: Any) -> Any:
        match node:
            case {"operator": {"type": "property_accessor", "operands": of}}:
                return NAMES[of["operand_2"]] if of["operand_1"] == "names" else LATER
            case {"operator": {"type": "conditional", "operands": of}}:
                return of["true_value" if switches[of["condition"]] else "false_value"]
            case {"function": {"type": "json", "parameters": {"json_string": text}}}:
                return float(resolved(text))
            case {"function": _} | {"operator": _}:
                return LATER
        return LATER if isinstance(node, str) and "${" in node else node

    bodies = {}
    for name_within, resource in parsed["resources"].items():
        config = resource["config"]
        config = config.get("config", config)
        body = {n: config[n] for n in config if n not in ("dependsOn", "name", "scope")}
        bodies[name_within] = {
            "type": f"{resource['type']}@{resource['api_version']}",
            "name": resolved(config["name"]),
            **_walked(body, resolved),
        }
    return bodies


def terraform() -> Bodies:
    """Those of ``azapi_resource``, likewise."""
    parsed = hcl2.loads((DEPLOY / "terraform/main.tf").read_text())
    switches = {
        _text(name): one.get("default")
        for variable in parsed["variable"]
        for name, one in variable.items()
    }

    def resolved(node: Any) -> Any:
        if not isinstance(node, str):
            return node
        if match := re.fullmatch(r"\$\{(tonumber\()?local\.names\.(\w+)\)?\}", node):
            value = NAMES[match[2]]
            return float(value) if match[1] else value
        if match := re.fullmatch(r'\$\{var\.(\w+) \? "(\w+)" : "(\w+)"\}', node):
            return match[2] if switches[match[1]] else match[3]
        return LATER if "${" in node else _text(node)

    bodies = {}
    for one in parsed["resource"]:
        for name, config in one.get('"azapi_resource"', {}).items():
            body = _walked(config.get("body", {}), resolved)
            if "location" in config:
                body["location"] = LATER
            for identity in config.get("identity", ()):
                assert len(identity["identity_ids"]) == 1
                ids: dict[str, Any] = {"LATER": {}}
                body["identity"] = {"type": _text(identity["type"]), "userAssignedIdentities": ids}
            bodies[_text(name)] = {
                "type": _text(config["type"]),
                "name": resolved(config["name"]),
                **body,
            }
    return bodies


def parameters(template: str) -> set[str]:
    """What may be given to ``main.bicep`` or ``main.tf``."""
    text = (DEPLOY / template).read_text()
    return set(re.findall(r'^(?:param|variable) "?(\w+)', text, re.M))


def _text(node: str) -> str:
    return node.removeprefix('"').removesuffix('"')


def _walked(node: Any, resolved: Callable[[Any], Any]) -> Any:
    if isinstance(node, dict) and not {"operator", "function"} & node.keys():
        return {
            "LATER" if "${" in key else _text(key): _walked(value, resolved)
            for key, value in node.items()
            if key != "__is_block__"
        }
    if isinstance(node, list):
        return [_walked(value, resolved) for value in node]
    return resolved(node)


def faults(known: Mapping[str, Any], body: dict[str, Any]) -> list[str]:
    """What Azure would not take of a body. :param known: the shapes of ``arm_shapes.json``."""
    resource = known["resources"][body["type"]]
    shapes: dict[str, dict[str, str]] = resource["shapes"]
    content = {name: value for name, value in body.items() if name not in ("type", "name")}
    return list(_faults(shapes, resource["body"], content, ""))


_JSON: Final[dict[str, tuple[type, ...]]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
}


def _faults(shapes: dict[str, dict[str, str]], kind: str, value: Any, where: str) -> list[str]:
    if value is LATER or kind == "anything":
        return []
    if kind.startswith(("[", "{")):
        values = value if kind[0] == "[" else value.values()
        return [fault for one in values for fault in _faults(shapes, kind[1:-1], one, f"{where}[]")]
    if kind in shapes:
        unknown = [f"{where}.{name} is unknown" for name in value if name not in shapes[kind]]
        within = [
            fault
            for name, one in value.items()
            if name in shapes[kind]
            for fault in _faults(shapes, shapes[kind][name], one, f"{where}.{name}")
        ]
        return unknown + within
    if kind in _JSON:
        # True is an int to Python, and not to JSON.
        fits = isinstance(value, _JSON[kind]) and isinstance(value, bool) == (kind == "boolean")
        return [] if fits else [f"{where} is {value!r}, not a {kind}"]
    return [] if value in kind.split("|") else [f"{where} is {value!r}, not {kind}"]
