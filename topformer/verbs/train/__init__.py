"""`topformer train`: the published recipe, or one's own, on one machine or many."""
