package io.topformer.demo

import android.hardware.camera2.CameraCharacteristics
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.annotation.Config
import org.robolectric.annotation.GraphicsMode
import kotlin.test.Test
import kotlin.test.assertContains
import kotlin.test.assertEquals
import kotlin.test.assertFalse
import kotlin.test.assertTrue

/** What each state looks like; the pictures are in the folder `screens` of the build. */
@RunWith(RobolectricTestRunner::class)
@GraphicsMode(GraphicsMode.Mode.NATIVE)
@Config(sdk = [35], application = TestApplication::class, qualifiers = "w411dp-h891dp-420dpi")
class ScreensTest {
    private val phone by lazy { Phone() }

    @Test
    fun `a picture with its labels`() {
        showPicture()
        assertContains(phone.text(R.id.model_line), "tiny, 64 × 64")
        assertContains(phone.text(R.id.timing_line), "ms")
        assertFalse(phone.isShown(R.id.notice))
        val screen = phone.screenshot("picture")
        val colours = IntArray(screen.width * screen.height)
        screen.getPixels(colours, 0, screen.width, 0, 0, screen.width, screen.height)
        assertTrue(colours.toSet().size > 1000, "The screen is empty.")
    }

    @Test
    @Config(qualifiers = "+night")
    fun `a picture in the dark theme`() {
        showPicture()
        phone.screenshot("picture-dark")
    }

    @Test
    @Config(qualifiers = "w891dp-h411dp-land-420dpi")
    fun `a picture in landscape`() {
        showPicture()
        phone.screenshot("picture-landscape")
    }

    @Test
    @Config(qualifiers = "w1280dp-h800dp-land-mdpi")
    fun `a picture on a tablet`() {
        showPicture()
        phone.screenshot("picture-tablet")
    }

    @Test
    fun `a picture with large fonts`() {
        RuntimeEnvironment.setFontScale(2f)
        showPicture()
        phone.screenshot("picture-large-fonts")
    }

    @Test
    fun `a tap names the class`() {
        showPicture()
        val view = phone.activity.requireViewById<SegmentationView>(R.id.picture)
        view.performClick()
        assertEquals("person", view.tappedName)
        phone.screenshot("tapped")
    }

    @Test
    fun `no model`() {
        phone.allowCamera()
        phone.addCamera("0", CameraCharacteristics.LENS_FACING_BACK)
        phone.start()
        phone.untilNotice("No model is in this app")
        phone.screenshot("no-model")
    }

    @Test
    fun `a manifest that is not understood`() {
        TestModel.install(phone.application, manifest = TestModel.manifest().replace("manifest/1", "manifest/9"))
        phone.start()
        phone.untilNotice("The manifest is not one this app understands.")
        assertContains(phone.text(R.id.notice_why), "schema")
        phone.screenshot("manifest-refused")
    }

    @Test
    fun `a file that is not its manifest's`() {
        TestModel.install(phone.application, content = "not 4 program".toByteArray())
        phone.start()
        phone.untilNotice("The model is not the file that its manifest describes.")
        phone.screenshot("wrong-hash")
    }

    @Test
    fun `no camera`() {
        TestModel.install(phone.application)
        phone.allowCamera()
        phone.start()
        phone.untilNotice("No camera was found")
        phone.screenshot("no-camera")
    }

    private fun showPicture() {
        TestModel.install(phone.application)
        phone.start()
        phone.openPicture(streetPicture(720, 960))
        phone.untilLabels()
    }
}
