"""``azure-session-kernel setup`` against a played Azure Resource Manager (``played.py``)."""
