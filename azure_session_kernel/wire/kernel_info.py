"""What ``kernel_info_reply`` says: this process's part, and the session's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from .. import __version__
from . import JUPYTER_PROTOCOL, Hello

IMPLEMENTATION: Final = "azure-session-kernel"
BANNER: Final = "Python in an Azure Container Apps session pool"

#: What front ends need to know before the session has said it itself.
LANGUAGE: Final[dict[str, object]] = {
    "name": "python",
    "version": "3",
    "mimetype": "text/x-python",
    "codemirror_mode": {"name": "ipython", "version": 3},
    "pygments_lexer": "ipython3",
    "nbconvert_exporter": "python",
    "file_extension": ".py",
}

#: What the session knows better than this process.
_FROM_SESSION: Final = frozenset(
    {"language_info", "banner", "help_links", "supported_features", "protocol_version"}
)

_OWN: Final[Mapping[str, Any]] = {
    "protocol_version": JUPYTER_PROTOCOL,
    "implementation": IMPLEMENTATION,
    "implementation_version": __version__,
    "language_info": LANGUAGE,
    "banner": BANNER,
    "help_links": [],
    "supported_features": [],
}


def kernel_info(hello: Hello | None) -> dict[str, Any]:
    """The content of the reply. :param hello: None while there is no session."""
    info = {} if hello is None else hello.info
    told = {key: value for key, value in info.items() if key in _FROM_SESSION}
    return {"status": "ok", **_OWN, **told}
