plugins {
    alias(libs.plugins.android.application)
}

android {
    namespace = "io.topformer.demo"
    compileSdk = 35

    defaultConfig {
        applicationId = "io.topformer.demo"
        minSdk = 29
        targetSdk = 35
        versionCode = 1
        versionName = "0.1.0"

        ndk {
            abiFilters += listOf("arm64-v8a", "x86_64")
        }
    }

    signingConfigs {
        // The user's own key, where ~/.gradle/gradle.properties names one; README.md says how.
        providers.gradleProperty("topformer.keystore").orNull?.let { keystore ->
            create("own") {
                storeFile = file(keystore)
                storePassword = providers.gradleProperty("topformer.keystore.password").get()
                keyAlias = providers.gradleProperty("topformer.key.alias").get()
                keyPassword = providers.gradleProperty("topformer.key.password").get()
            }
        }
    }

    // What is built, installed and measured: Android hardly optimises the code of a debug build.
    buildTypes {
        release {
            isMinifyEnabled = true
            proguardFiles(getDefaultProguardFile("proguard-android-optimize.txt"), "proguard-rules.pro")
            signingConfig = signingConfigs.findByName("own") ?: signingConfigs.getByName("debug")
        }
    }

    // A model is copied to a file before it is opened, and hardly gets smaller; native code is read where it lies.
    androidResources {
        noCompress += "pte"
    }

    packaging {
        jniLibs {
            useLegacyPackaging = false
        }
    }

    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_17
        targetCompatibility = JavaVersion.VERSION_17
    }

    testOptions {
        unitTests {
            isIncludeAndroidResources = true
            // Robolectric makes Android's file descriptors of Java's.
            all { it.jvmArgs("--add-opens=java.base/java.io=ALL-UNNAMED") }
            // What the tests read and write, as in verify/app/pom.xml; `make app` makes the model.
            all {
                it.systemProperty("screens", rootProject.file("verify/target/screens").path)
                it.systemProperty("screens.kept", file("src/test/screens").path)
                it.systemProperty("model", rootProject.file("verify/target/model").path)
                it.systemProperty("bench", rootProject.file("verify/target/bench").path)
                it.systemProperty("pictures", rootProject.file("../topformer/pictures").path)
            }
        }
    }
}

kotlin {
    compilerOptions {
        allWarningsAsErrors = true
    }
}

dependencies {
    implementation(project(":core"))
    implementation(project(":segmenter"))
    implementation(libs.androidx.activity)
    implementation(libs.androidx.core)
    implementation(libs.androidx.lifecycle.viewmodel.savedstate)
    testImplementation(libs.junit)
    testImplementation(libs.kotlin.test.junit)
    testImplementation(libs.onnxruntime)
    testImplementation(libs.robolectric)
}
