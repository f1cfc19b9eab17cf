"""What ``azure-session-kernel try`` does: one notebook, in a local pool of its own.

``surroundings`` starts the pool and says which environment the kernel gets; ``runner`` runs the
notebook cell by cell; ``screen`` shows it, with ``terminal_text`` making untrusted text safe to
show; ``lab`` opens JupyterLab instead; ``notebook`` reads and saves.
"""
