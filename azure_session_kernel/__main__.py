"""``python -m azure_session_kernel``: what the kernelspec runs."""

import sys

# ``-m`` puts the notebook's folder first; a student's ``json.py`` there must not break the kernel.
if sys.path and sys.path[0] != "":
    del sys.path[0]

from azure_session_kernel.common.unused import leave_out_unused, leave_unopened

leave_out_unused()
leave_unopened("IPython", "ipykernel", "jupyter_client")

from azure_session_kernel.kernel.app import main  # noqa: E402

if __name__ == "__main__":
    main()
