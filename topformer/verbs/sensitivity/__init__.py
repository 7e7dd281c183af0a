"""`topformer sensitivity`: what each layer costs when it alone is quantised."""
