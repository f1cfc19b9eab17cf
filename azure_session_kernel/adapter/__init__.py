"""The name under which images start ``container``: ``python -m azure_session_kernel.adapter``."""
