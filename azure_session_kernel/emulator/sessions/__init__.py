"""The local pool's sessions: allocation, processes, homes, the end."""
