"""Everything that talks to a session pool: endpoint, credentials, client. No ZeroMQ here."""
