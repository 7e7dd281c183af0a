"""What each command does; `topformer.cli` says how it is called."""
