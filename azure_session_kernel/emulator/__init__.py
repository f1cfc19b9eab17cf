"""A session pool emulator on this machine, for development, tests and trying out.

It serves the same front as a custom-container session pool in Azure and forwards to session
processes. It is not a security boundary: a session runs as the user who started the pool.

``front/server.py`` runs it, ``front/app.py`` is the front, ``sessions/sessions.py`` decides who
gets which session, ``sessions/process.py`` is one session's tree of processes, ``front/forward.py``
and ``front/upstream.py`` carry one request to it.
"""

import os

#: Said wherever one is started; see ``sessions/environment.py``.
NO_SANDBOX = (
    "Sessions run on this machine as your user: this is for development, not a sandbox. "
    f"`!pip install` installs {'into the session alone' if os.name == 'posix' else 'here'}."
)
