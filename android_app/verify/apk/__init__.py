"""A signed APK from the app's own sources, without Gradle and without an Android SDK."""
