"""`topformer eval`: how well a model segments a data set, and where it fails."""
