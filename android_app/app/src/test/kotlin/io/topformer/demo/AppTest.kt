package io.topformer.demo

import org.junit.Rule
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.annotation.Config
import org.robolectric.annotation.GraphicsMode
import kotlin.test.BeforeTest

/** A test of the app on a phone. All have the same shadows, because Robolectric makes a new Android for others. */
@RunWith(RobolectricTestRunner::class)
@GraphicsMode(GraphicsMode.Mode.NATIVE)
@Config(
    sdk = [35],
    application = TestApplication::class,
    qualifiers = PHONE,
    shadows = [
        CamerasShadow::class, CameraShadow::class, FrameReader::class, FakeImage::class, FakePlane::class, PreviewShadow::class,
        CommitShadow::class, ScreenSurfaceShadow::class,
    ],
)
abstract class AppTest {
    @get:Rule
    val phone = Phone()

    @BeforeTest
    fun forgetCameras() = LiveCamera.reset()
}
