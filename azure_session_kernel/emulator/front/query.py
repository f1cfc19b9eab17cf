"""The query string of a call to the pool, and Azure's rule for identifiers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from urllib.parse import parse_qsl

#: The pattern of api-version 2025-10-02-preview (docs/azure.md 1.1), with the length it implies.
IDENTIFIER = re.compile(r"""[a-zA-Z0-9_|}{\[\]:";'<>?/.,@#$%^&*()\-+=!~`]{4,128}""")

API_VERSIONS = ("2025-02-02-preview", "2025-10-02-preview")


@lru_cache(maxsize=512)
def parameters(query_string: bytes) -> Mapping[str, str]:
    """The first value of each parameter. Names in lower case: ASP.NET ignores their case."""
    pairs = parse_qsl(query_string.decode("latin-1"), keep_blank_values=True)
    return MappingProxyType({name.lower(): value for name, value in reversed(pairs)})


def is_identifier(value: str) -> bool:
    return IDENTIFIER.fullmatch(value) is not None
