"""The code of the executions that this kernel sends, and the one line that they answer with."""

from __future__ import annotations

import base64
import json
import zlib
from importlib.resources import files
from typing import Any, Final

from ...interpreter.place import MARK, SAYS
from ...wire import WireError, dump, load

#: Our modules for a session's interpreter.
INSIDE: Final = "azure_session_kernel.interpreter"
PACKAGE: Final = "_azure_session_mailbox"
#: In the order in which they import each other.
MODULES: Final = (
    "place",
    "packing",
    "backlog",
    "log",
    "tap",
    "main_thread",
    "arrivals",
    "arguments",
    "history",
    "files",
    "mailbox",
    "install",
)

_LOADER: Final = """
exec(__import__("zlib").decompress(__import__("base64").b64decode("{loader}")), {{}})
__import__("sys").modules["{package}"].install.install("{payload}")
"""

_LOADING: Final = """
import json, sys, types
package = types.ModuleType({package!r})
package.__path__ = []
sys.modules[{package!r}] = package
for name, text in json.loads({modules!r}).items():
    full = {package!r} + "." + name
    module = types.ModuleType(full)
    module.__package__ = {package!r}
    sys.modules[full] = module
    exec(compile(text, "<azure-session-kernel " + name + ">", "exec"), module.__dict__)
    setattr(package, name, module)
"""


def carrying(payload: dict[str, Any]) -> str:
    """An execution for an interpreter that has our modules."""
    return MARK + _text(payload)


def installing(payload: dict[str, Any]) -> str:
    """An execution that brings our modules, if need be, and claims the interpreter."""
    inside = files(INSIDE)
    modules = {name: (inside / f"{name}.py").read_text("utf-8") for name in MODULES}
    loader = _LOADING.format(package=PACKAGE, modules=json.dumps(modules))
    packed = base64.b64encode(zlib.compress(loader.encode(), 9)).decode()
    body = _LOADER.format(loader=packed, package=PACKAGE, payload=_text(payload))
    return carrying(payload) + body


def asking_for_boot() -> str:
    """Says which life of the interpreter this is, where our modules are but carry nothing."""
    modules = '__import__("sys").modules'
    return (
        f'print({SAYS!r} + __import__("json").dumps({{"boot": '
        f'getattr({modules}.get("{PACKAGE}.install"), "boot", "")}}))'
    )


def _text(payload: dict[str, Any]) -> str:
    return base64.b64encode(dump(payload)).decode("ascii")


def said(stdout: str) -> dict[str, Any] | None:
    """What our modules answered; ``{"missing": True}`` when they are not there; else None."""
    missing = False
    for line in reversed(stdout.split("\n")):
        if not line.startswith(SAYS):
            continue
        try:
            value = load(line[len(SAYS) :].encode("utf-8", "replace"))
        except WireError:
            missing = True
            continue
        if isinstance(value, dict):
            return value
    return {"missing": True} if missing else None
