"""What a session of the local pool's built-in kind runs: Azure's proxy beside an ipykernel.

Played after the published source of the real proxy and after recordings (docs/azure.md 6).
"""
