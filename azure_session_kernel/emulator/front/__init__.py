"""Azure's front, as the local pool plays it: token, identifier, routes, answers."""
