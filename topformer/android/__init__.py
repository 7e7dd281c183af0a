"""The demo app from this side: models into it, Gradle and adb driven for it."""
