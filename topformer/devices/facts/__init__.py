"""What a device says of itself, read with suspicion."""
