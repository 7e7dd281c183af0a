"""`topformer data`: is a data set what it should be, before anything is trained on it?"""
