"""`topformer predict`: what a model finds in pictures, drawn, counted and written to files."""
