package io.topformer.demo

import android.graphics.BitmapFactory
import android.hardware.camera2.CameraCharacteristics
import android.os.Looper
import android.view.View
import android.view.ViewGroup
import android.widget.TextView
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
    @Config(qualifiers = PHONE)
    fun `a picture with its labels`() {
        showPicture()
        phone.screenshot("picture")
        assertEquals("tiny, 448 × 448, fp32", phone.text(R.id.model_line))
        assertContains(phone.text(R.id.timing_line), "ms")
        val names = legend().map { it.substringBeforeLast(' ') }
        assertEquals(listOf("sky", "tree", "building", "fence", "road"), names)
    }

    @Test
    @Config(qualifiers = "+night")
    fun `a picture in the dark theme`() {
        showPicture()
        phone.screenshot("picture-dark")
    }

    @Test
    @Config(qualifiers = COARSE_PHONE_ON_ITS_SIDE)
    fun `a picture in landscape`() {
        showPicture()
        phone.screenshot("picture-landscape")
    }

    @Test
    @Config(qualifiers = TABLET)
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
        phone.tapPicture(0.33f, 0.5f)
        assertEquals("building", phone.view<SegmentationView>(R.id.picture).tappedName)
        phone.screenshot("tapped")
    }

    @Test
    @Config(qualifiers = COARSE_PHONE_ON_ITS_SIDE)
    fun `the live picture`() {
        phone.layOnSide()
        phone.addCamera("0", CameraCharacteristics.LENS_FACING_BACK, sensorDegrees = 90)
        val camera = phone.startLive()
        assertEquals("self-check passed", phone.text(R.id.check_line))
        val seen = leftOf(BitmapFactory.decodeFile(RealModel.picture.path), 640, 480)
        repeat(2) {
            val image = camera.deliver(seen)
            phone.until("a result") { image.closed }
            phone.settle()
            shadowOf(Looper.getMainLooper()).idleFor(Duration.ofMillis(300))
        }
        assertContains(phone.text(R.id.timing_line), "frames/s")
        assertEquals(listOf("sky", "tree", "building"), legend().take(3).map { it.substringBefore(' ') })
        phone.screenshot("live")
    }

    private fun showPicture() {
        phone.start()
        phone.openPicture(RealModel.picture)
        phone.untilLabels()
        assertEquals("self-check passed", phone.text(R.id.check_line))
    }

    private fun legend(): List<String> {
        val legend = phone.view<ViewGroup>(R.id.legend)
        return List(legend.childCount) { legend.getChildAt(it) as TextView }
            .filter { it.visibility == View.VISIBLE }.map { it.text.toString() }
    }
}
