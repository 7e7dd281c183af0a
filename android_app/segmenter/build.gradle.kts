plugins {
    alias(libs.plugins.android.library)
}

android {
    namespace = "io.topformer.segmenter"
    compileSdk = 35

    defaultConfig {
        minSdk = 29
    }

    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_17
        targetCompatibility = JavaVersion.VERSION_17
    }
}

kotlin {
    explicitApi()
    compilerOptions {
        allWarningsAsErrors = true
    }
}

dependencies {
    implementation(project(":core"))
    implementation(libs.executorch)
    testImplementation(libs.junit)
    testImplementation(libs.kotlin.test.junit)
}
