"""One notebook's session: opened, lost, restarted, closed."""
