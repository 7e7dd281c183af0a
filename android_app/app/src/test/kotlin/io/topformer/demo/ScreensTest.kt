package io.topformer.demo

import android.graphics.Bitmap
import android.graphics.BitmapFactory
import android.hardware.camera2.CameraCharacteristics
import android.os.Looper
import android.view.View
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf
import org.robolectric.annotation.Config
import java.time.Duration
import kotlin.test.BeforeTest
import kotlin.test.Test
import kotlin.test.assertContains
import kotlin.test.assertEquals

/** The app as its users see it: the real model's labels on a real picture, on the screens there are. */
@Config(application = OnnxApplication::class)
class ScreensTest : AppTest() {
    @BeforeTest
    fun install() = RealModel.install(phone.application)

    @Test
    @Config(qualifiers = COARSE_PHONE)
    fun `a picture with its labels`() {
        showPicture()
        phone.screenshot("picture")
        assertEquals("tiny, 448 × 448, fp32", phone.text(R.id.model_line))
        val names = phone.legend().map { it.substringBeforeLast(' ') }
        assertEquals(listOf("Sky", "Tree", "Building", "Sign symbol"), names)
    }

    @Test
    @Config(qualifiers = COARSE_PHONE)
    fun `a picture in the dark theme`() {
        RuntimeEnvironment.setQualifiers("+night")
        showPicture()
        phone.screenshot("picture-dark")
    }

    @Test
    @Config(qualifiers = TABLET)
    fun `a picture on a tablet`() {
        showPicture()
        phone.screenshot("picture-tablet")
    }

    @Test
    @Config(qualifiers = COARSE_PHONE)
    fun `a picture with large fonts`() {
        RuntimeEnvironment.setFontScale(2f)
        showPicture()
        phone.screenshot("picture-large-fonts")
    }

    @Test
    @Config(qualifiers = COARSE_PHONE)
    fun `one class alone, named where it was tapped`() {
        showPicture()
        phone.press(phone.chip("Building"))
        phone.tapPicture(0.33f, 0.5f)
        assertEquals("Building", phone.view<PictureView>(R.id.picture).tappedName)
        phone.screenshot("alone")
    }

    @Test
    @Config(qualifiers = COARSE_PHONE)
    fun `the details`() {
        showPicture()
        phone.showDetails()
        phone.screenshot("details")
    }

    @Test
    @Config(qualifiers = COARSE_PHONE)
    fun `the details in the dark theme, of the model's own colours`() {
        RuntimeEnvironment.setQualifiers("+night")
        showPicture()
        phone.showDetails()
        phone.click(R.id.palette_own)
        // They are drawn at the end of their move from one state to the other.
        for (id in listOf(R.id.palette_vivid, R.id.palette_own)) phone.view<View>(id).jumpDrawablesToCurrentState()
        phone.screenshot("details-dark")
    }

    @Test
    @Config(qualifiers = COARSE_PHONE)
    fun `the bare picture while compare is held`() {
        showPicture()
        phone.press(phone.view(R.id.compare))
        phone.screenshot("compare")
    }

    @Test
    @Config(qualifiers = COARSE_PHONE)
    fun `pictures that come with the app`() {
        showPicture()
        phone.click(R.id.open_picture)
        phone.screenshot("pictures")
    }

    @Test
    @Config(qualifiers = COARSE_PHONE)
    fun `the live picture`() {
        phone.addCamera("1", CameraCharacteristics.LENS_FACING_FRONT, sensorDegrees = 270)
        startLive(lying(leftOf(BitmapFactory.decodeFile(RealModel.picture.path), 480, 640)), "Building", "Sky", "Tree")
        phone.screenshot("live")
    }

    @Test
    @Config(qualifiers = COARSE_PHONE_ON_ITS_SIDE)
    fun `the live picture in landscape`() {
        phone.layOnSide()
        startLive(leftOf(BitmapFactory.decodeFile(RealModel.picture.path), 640, 480), "Sky", "Building", "Tree")
        phone.screenshot("live-landscape")
    }

    private fun startLive(seen: Bitmap, vararg mostSeen: String) {
        phone.addCamera("0", CameraCharacteristics.LENS_FACING_BACK, sensorDegrees = 90)
        val camera = phone.startLive()
        assertEquals("Self-check passed", phone.text(R.id.check_line))
        repeat(2) {
            val image = camera.deliver(seen)
            phone.until("a result") { image.closed }
            phone.settle()
            shadowOf(Looper.getMainLooper()).idleFor(Duration.ofMillis(300))
        }
        assertContains(phone.text(R.id.timing_line), "fps")
        assertEquals(mostSeen.toList(), phone.legend().take(3).map { it.substringBefore(' ') })
    }

    private fun showPicture() {
        phone.start()
        phone.openPicture(RealModel.picture)
        phone.untilLabels()
        assertEquals("Self-check passed", phone.text(R.id.check_line))
    }
}
