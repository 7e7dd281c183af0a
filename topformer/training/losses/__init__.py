"""What training makes as small as it can, a module a task."""
