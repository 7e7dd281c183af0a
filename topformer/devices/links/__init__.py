"""How a device is reached: adb, and ssh."""
