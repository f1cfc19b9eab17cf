"""What a session of each kind of pool runs."""
