"""Everything between the bench and a device: how it is reached, described and kept clean."""
