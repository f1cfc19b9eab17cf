"""``POST /jupyter/hello``: what an adapter says of itself, and what it may be told."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from .json_text import WireError, is_whole, list_at, object_at, text_at, whole_at
from .limits import MAX_BODY_BYTES, MAX_READ_S

#: Environment variables that a hello may carry.
VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,199}")
MAX_VARIABLES: Final = 200
MAX_VARIABLES_CHARS: Final = 128 * 1024
#: Arguments of a command line that a hello may carry.
ARGUMENT: Final = re.compile(r"--[A-Z]\w{0,99}\.\w{1,100}=[^\0]*", re.DOTALL)
MAX_ARGUMENTS: Final = 200
MAX_ARGUMENTS_CHARS: Final = 64 * 1024

#: A folder below the data folder that a hello may ask for: one name, of letters, digits and what
#: every pool carries in names.
FOLDER: Final = re.compile(r"(?![ .])[\w .,()@=-]{1,100}(?<![ .])")

_BOOT: Final = re.compile(r"[!-~]{1,100}")
#: jupyter_client looks at the first number; what has another one is not what this kernel passes on.
_JUPYTER_5: Final = re.compile(r"5(\.[0-9]{1,4}){1,2}")
#: Of ``language_info``, what the Jupyter message spec asks for; and what it allows.
_LANGUAGE: Final = ("name", "version", "mimetype", "file_extension")
_LANGUAGE_MORE: Final = ("pygments_lexer", "nbconvert_exporter")


@dataclass(frozen=True, slots=True)
class Hello:
    """What an adapter says of itself and of its running boot.

    :ivar info: as in ``kernel_info_from_json``.
    :ivar folder: below the data folder, in which the boot works; "": the data folder itself.
    """

    protocol: int
    adapter: str
    boot: str
    state: str
    execution_count: int
    next: int
    info: dict[str, Any]
    features: tuple[str, ...]
    running: tuple[str, ...]
    first: int = 1
    folder: str = ""

    def as_json(self) -> dict[str, Any]:
        return {
            "protocol": self.protocol,
            "adapter": self.adapter,
            "boot": self.boot,
            "state": self.state,
            "execution_count": self.execution_count,
            "next": self.next,
            "first": self.first,
            "info": self.info,
            "features": list(self.features),
            "running": list(self.running),
            "folder": self.folder,
            "limits": {"body_bytes": MAX_BODY_BYTES, "read_s": MAX_READ_S},
        }


def hello_from_json(value: Any) -> Hello:
    """What an adapter says, each field checked. What this kernel does not know is left out.

    :raises WireError: when it is not an adapter's hello; it names the field.
    """
    if not isinstance(value, dict):
        raise WireError("a hello must be an object")
    value = {"adapter": "", "state": "", "first": value.get("next"), "folder": "", **value}
    following = whole_at(value, "next", 1)
    boot = text_at(value, "boot", 101)
    if not _BOOT.fullmatch(boot):
        raise WireError("boot must be 1 to 100 printable characters of ASCII")
    folder = text_at(value, "folder", 100)
    if folder and not FOLDER.fullmatch(folder):
        raise WireError("folder must be the name of a folder")
    return Hello(
        protocol=whole_at(value, "protocol"),
        adapter=text_at(value, "adapter", 100),
        boot=boot,
        state=text_at(value, "state", 40),
        execution_count=whole_at(value, "execution_count"),
        next=following,
        info=kernel_info_from_json(object_at(value, "info")),
        features=_texts(value, "features"),
        running=_texts(value, "running"),
        first=whole_at(value, "first", 1, following),
        folder=folder,
    )


def _texts(value: Mapping[str, Any], key: str) -> tuple[str, ...]:
    items = list_at(value, key, 1000)
    return tuple(text_at({f"{key}[{i}]": item}, f"{key}[{i}]", 200) for i, item in enumerate(items))


def kernel_info_from_json(info: Mapping[str, Any]) -> dict[str, Any]:
    """What front ends are told of an interpreter: the fields of a ``kernel_info_reply`` (Jupyter
    message spec 5.5, "Kernel info") that an interpreter knows, as far as they are there.

    :raises WireError: jupyter_client or JupyterLab could not do with one of them.
    """
    found: dict[str, Any] = {}
    if "protocol_version" in info:
        found["protocol_version"] = text_at(info, "protocol_version", 20)
        if not _JUPYTER_5.fullmatch(found["protocol_version"]):
            raise WireError("protocol_version must be one of Jupyter's messages, as in 5.4")
    if "language_info" in info:
        found["language_info"] = _language_info(object_at(info, "language_info"))
    if "banner" in info:
        found["banner"] = text_at(info, "banner", 10_000)
    if "help_links" in info:
        links = list_at(info, "help_links", 100)
        found["help_links"] = [_help_link(link, f"help_links[{i}]") for i, link in enumerate(links)]
    if "supported_features" in info:
        found["supported_features"] = list(_texts(info, "supported_features"))
    return found


def _language_info(value: Mapping[str, Any]) -> dict[str, Any]:
    told = {f"language_info.{key}": item for key, item in value.items()}
    required = [f"language_info.{key}" for key in _LANGUAGE]
    optional = [f"language_info.{key}" for key in _LANGUAGE_MORE]
    names = [*required, *(name for name in optional if name in told)]
    found: dict[str, Any] = {
        name.removeprefix("language_info."): text_at(told, name, 200) for name in names
    }
    if "codemirror_mode" in value:
        found["codemirror_mode"] = _codemirror_mode(value["codemirror_mode"])
    return found


def _codemirror_mode(mode: Any) -> str | dict[str, Any]:
    """A name, or a name with options."""
    if isinstance(mode, str):
        return mode[:200]
    if not isinstance(mode, dict) or not isinstance(mode.get("name"), str):
        raise WireError("language_info.codemirror_mode must be a text, or an object with a name")
    found: dict[str, Any] = {"name": mode["name"][:200]}
    if "version" in mode:
        if not is_whole(mode["version"]):
            raise WireError("language_info.codemirror_mode.version must be a whole number")
        found["version"] = mode["version"]
    return found


def _help_link(value: Any, where: str) -> dict[str, str]:
    """JupyterLab opens it when it is clicked."""
    if not isinstance(value, dict):
        raise WireError(f"{where} must be an object")
    told = {f"{where}.{key}": item for key, item in value.items()}
    text, url = text_at(told, f"{where}.text", 200), text_at(told, f"{where}.url", 2000)
    if not url.startswith(("https://", "http://")):
        raise WireError(f"{where}.url must be an address of the web")
    return {"text": text, "url": url}
