"""`topformer train`: a shipped recipe, or one's own, on one machine or many."""
