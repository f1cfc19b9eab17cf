"""What the doctor has found, for people and for programs."""
