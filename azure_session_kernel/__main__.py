"""``python -m azure_session_kernel``: what the kernelspec runs."""

import sys

# ``-m`` puts the notebook's folder first, unless Python is told not to (``-P``, ``-I``). A
# student's ``json.py`` there must not break the kernel.
if not getattr(sys.flags, "safe_path", sys.flags.isolated):
    del sys.path[0]

from azure_session_kernel.common.unused import leave_out_unused, leave_unopened

leave_out_unused()
leave_unopened("IPython", "ipykernel", "jupyter_client")

from azure_session_kernel.kernel.app import main  # noqa: E402

if __name__ == "__main__":
    main()
