"""`topformer app`: models into the demo app, and the app onto a device."""
