"""A float32 network in 8 bits: ranges of activations, equalised channels, what to keep in float."""
