"""Sizes and times that both ends keep."""

from __future__ import annotations

from typing import Final

PROTOCOL_VERSION: Final = 1
#: Of Jupyter's messages, as in ``kernelspec/kernel.json``.
JUPYTER_PROTOCOL: Final = "5.5"

#: The front may re-send a request and refuses to buffer larger bodies (azure-container-apps #1049).
MAX_BODY_BYTES: Final = 1024 * 1024
#: Raw bytes carried by one numbered part of a larger body (base64 adds a third).
PART_BYTES: Final = 512 * 1024
#: A body sent in parts may not grow beyond this.
MAX_ASSEMBLED_BYTES: Final = 256 * 1024 * 1024
#: One log line without its newline, so that 200 MB fit as base64. It bounds the kernel's memory.
MAX_LINE_BYTES: Final = 288 * 1024 * 1024
#: No request lasts longer, so that no proxy limit is met (docs/azure.md 3.2: 240 s idle).
MAX_READ_S: Final = 200.0
#: A silent stream gets a keep-alive line this often.
KEEPALIVE_S: Final = 15.0
#: What one message may take decoded, besides its text: it bounds memory, and how long the loop
#: stands still.
MAX_DECODED_BYTES: Final = 256 * 1024 * 1024
#: How deep its JSON may be nested: it is encoded again here, and decoded by front ends, and each of
#: these can be some 1000 calls deep.
MAX_DEPTH: Final = 400
