"""`topformer bench`: what it measures where, and how it tells what it found."""
