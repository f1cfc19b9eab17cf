"""The HTTP service inside a session container: HTTP in front, a real ipykernel behind.

``python -m azure_session_kernel.container --port N`` is a container's whole entry point.
The protocol is ``docs/protocol.md``; one request goes ``app -> interpreter_host -> message_log``.
"""

import sys
from typing import Final

#: An interpreter's, as in the kernelspec that ipykernel installs. Else debugpy warns, on the user's
#: stderr, that it can't stop in frozen modules.
PYTHON_ARGUMENTS: Final = ("-Xfrozen_modules=off",) * (sys.implementation.name == "cpython")

#: What the adapter asks its interpreter to do in addition to Jupyter's messages (control channel).
ENVIRONMENT_REQUEST: Final = "set_environment_request"
ENVIRONMENT_REPLY: Final = "set_environment_reply"
REACTION_REQUEST: Final = "reaction_request"
REACTION_REPLY: Final = "reaction_reply"
IN_USE_REQUEST: Final = "in_use_request"
IN_USE_REPLY: Final = "in_use_reply"
