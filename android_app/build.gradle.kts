// Named here once, so that all modules share one copy of each plugin.
plugins {
    alias(libs.plugins.kotlin.jvm) apply false
}
