"""Programs that must be on a machine to build something: found, or named with what to install."""
