"""Kill commands at each of their file operations, and see whether what they leave is whole."""
