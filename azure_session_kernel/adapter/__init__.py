"""The HTTP service inside a session container: HTTP in front, a real ipykernel behind.

``python -m azure_session_kernel.adapter --port N`` is a container's whole entry point.
The protocol is ``docs/protocol.md``; one request goes ``app -> interpreter_host -> message_log``.
"""

from typing import Final

#: What the adapter asks its interpreter to do in addition to Jupyter's messages (control channel).
ENVIRONMENT_REQUEST: Final = "set_environment_request"
ENVIRONMENT_REPLY: Final = "set_environment_reply"
