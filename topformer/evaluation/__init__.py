"""How well a model segments: confusion matrix, scores, and the protocols they are measured by."""
