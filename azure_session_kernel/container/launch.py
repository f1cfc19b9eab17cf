"""The file that the interpreter's process runs.

Not ``python -m``, which would import the user's files in place of modules of the same name. And not
``python -c``: a debugger would show that line below the user's code, while it hides this file, as
it hides every module that was there before the user's code.
"""

import sys

if __name__ == "__main__":
    if not getattr(sys.flags, "safe_path", False):
        del sys.path[0]  # this folder
    from azure_session_kernel.container.interpreter import main

    main()
