package io.topformer.demo

import android.content.Intent
import android.graphics.Bitmap
import android.graphics.BitmapFactory
import android.graphics.Color
import android.hardware.camera2.CameraCharacteristics
import android.net.Uri
import android.view.View
import android.widget.SeekBar
import androidx.core.content.FileProvider
import androidx.lifecycle.ViewModelProvider
import org.robolectric.Shadows.shadowOf
import org.robolectric.annotation.Config
import org.robolectric.shadow.api.Shadow
import java.io.File
import kotlin.math.abs
import kotlin.test.BeforeTest
import kotlin.test.Test
import kotlin.test.assertContains
import kotlin.test.assertEquals
import kotlin.test.assertFalse
import kotlin.test.assertNotEquals
import kotlin.test.assertNotNull
import kotlin.test.assertNull
import kotlin.test.assertTrue

/** Sharing what the screen shows. */
class ShareTest : AppTest() {
    @BeforeTest
    fun install() {
        TestModel.install(phone.application)
        // It keeps the folders of the first test.
        FileProvider::class.java.getDeclaredField("sCache").apply { isAccessible = true }.get(null).let { (it as MutableMap<*, *>).clear() }
    }

    @Test
    fun `a picture is offered to other apps to be read, and is not put among the user's`() {
        showPicture()
        val offer = share()
        val send = sent(offer)
        assertEquals(Intent.ACTION_SEND, send.action)
        assertEquals("image/png", send.type)
        val uri = pictureOf(offer)
        assertEquals("io.topformer.demo.shared", uri.authority)
        assertContains(uri.lastPathSegment.orEmpty(), Regex("topformer-[0-9]+\\.png"))
        assertContains(send.getStringExtra(Intent.EXTRA_TEXT).orEmpty(), "tiny")
        // The chooser shows the picture as well.
        for (intent in listOf(offer, send)) {
            assertEquals(uri, intent.clipData?.getItemAt(0)?.uri)
            assertNotEquals(0, intent.flags and Intent.FLAG_GRANT_READ_URI_PERMISSION)
        }
    }

    @Test
    fun `the shared picture is what the screen shows, at the opacity that was chosen`() {
        showPicture()
        phone.view<SeekBar>(R.id.opacity).progress = 80
        val shared = read(share())
        assertTrue(alike(shared) > 0.97, "Only ${alike(shared)} of the pixels are alike.")
        phone.view<SeekBar>(R.id.opacity).progress = 20
        assertTrue(alike(shared) < 0.5, "Any picture would do.")
    }

    @Test
    fun `hidden classes are hidden in what is shared`() {
        showPicture()
        phone.view<SeekBar>(R.id.opacity).progress = 100
        phone.longPress(phone.chip("Sky"))
        val shared = read(share())
        assertTrue(alike(shared) > 0.97, "Only ${alike(shared)} of the pixels are alike.")
    }

    @Test
    fun `what is shared is kept for others for a day, and not all that was ever shared`() {
        showPicture()
        val folder = phone.application.cacheDir.resolve("shared")
        val first = share()
        val second = share()
        assertNotEquals(pictureOf(first), pictureOf(second))
        // Whoever was given the first may read it only now.
        assertEquals(720, read(first).width)
        val hourMs = 3_600_000L
        folder.resolve(nameOf(first)).setLastModified(System.currentTimeMillis() - 25 * hourMs)
        folder.resolve(nameOf(second)).setLastModified(System.currentTimeMillis() - 23 * hourMs)
        val third = share()
        assertEquals(setOf(nameOf(second), nameOf(third)), folder.list()?.toSet())
    }

    @Test
    fun `a second tap while the picture is written changes nothing`() {
        showPicture()
        repeat(2) { phone.view<View>(R.id.share).performClick() }
        // It is read after all that is to be written.
        phone.openPicture(streetPicture(310, 400))
        val still = ViewModelProvider(phone.activity)[MainViewModel::class.java].still
        phone.until("another picture") { still.frame?.width == 310 }
        val offer = assertNotNull(offer())
        assertNull(offer())
        assertEquals(720, read(offer).width)
        // Nor does one before what it is shared with has opened.
        phone.click(R.id.share)
        phone.openPicture(streetPicture(320, 400))
        phone.until("one more picture") { still.frame?.width == 320 }
        assertNull(offer())
        phone.controller.pause().resume()
        share()
    }

    @Test
    fun `of a frozen screen the frozen frame is shared`() {
        phone.addCamera("0", CameraCharacteristics.LENS_FACING_BACK)
        val camera = phone.startLive()
        camera.deliver(halves(Color.RED))
        phone.untilLabels()
        phone.view<SeekBar>(R.id.opacity).progress = 0
        phone.click(R.id.freeze)
        val later = camera.deliver(halves(Color.BLUE))
        phone.until("a dropped frame") { later.closed }
        phone.settle()
        val shared = read(share())
        val colour = shared.getPixel(shared.width / 2, shared.height / 2)
        assertTrue(Color.red(colour) > 250 && Color.blue(colour) < 5, Integer.toHexString(colour))
    }

    @Test
    @Config(qualifiers = PHONE_ON_ITS_SIDE)
    fun `a live picture is shared as it lies under its labels`() {
        phone.addCamera("0", CameraCharacteristics.LENS_FACING_BACK)
        phone.layOnSide()
        val camera = phone.startLive()
        camera.deliver(halves(above = Color.RED, below = Color.BLUE))
        phone.untilLabels()
        phone.settle()
        val shared = read(share())
        // On the screen alone the top is shaded, for the time over it.
        assertTrue(alike(shared) > 0.9, "Only ${alike(shared)} of the pixels are alike.")
    }

    @Test
    fun `a full phone is a message, after which the picture can be seen again`() {
        showPicture()
        phone.application.otherCache = File("/proc/nothing")
        phone.click(R.id.share)
        phone.untilNotice("The picture can't be shared")
        assertNull(offer())
        val before = phone.colourAt(0.5f, 0.5f)
        phone.click(R.id.notice_action)
        assertFalse(phone.isShown(R.id.notice))
        assertNotEquals(before, phone.colourAt(0.5f, 0.5f))
        phone.application.otherCache = null
        share()
    }

    @Test
    fun `a camera's picture that is not there yet is a message`() {
        phone.addCamera("0", CameraCharacteristics.LENS_FACING_BACK)
        phone.startLive().deliver(halves(Color.RED))
        phone.untilLabels()
        // Android takes its place away with the screen, and gives another one when it is drawn again.
        Shadow.extract<PreviewShadow>(phone.view<View>(R.id.preview)).onDetachedFromWindowInternal()
        phone.click(R.id.share)
        phone.untilNotice("The picture can't be shared")
        assertContains(phone.text(R.id.notice_why), "Try again in a moment.")
        assertNull(offer())
    }

    @Test
    fun `what is written while the app is left is offered when it is back`() {
        showPicture()
        phone.view<View>(R.id.share).performClick()
        phone.controller.pause().stop()
        // It is read after all that is to be written.
        val still = ViewModelProvider(phone.activity)[MainViewModel::class.java].still
        still.open(Uri.fromFile(streetPicture(310, 400)))
        phone.until("another picture") { still.frame?.width == 310 }
        assertNull(offer())
        phone.controller.restart().start().resume()
        assertEquals(720, read(assertNotNull(offer())).width)
        assertNull(offer())
    }

    @Test
    fun `nothing can be shared before there is a picture`() {
        phone.start()
        phone.until("a model") { phone.text(R.id.model_line).isNotEmpty() }
        assertFalse(phone.view<View>(R.id.share).isEnabled)
    }

    private fun showPicture() {
        phone.start()
        phone.openPicture(streetPicture(720, 960))
        phone.untilLabels()
        phone.settle()
    }

    private fun share(): Intent {
        phone.click(R.id.share)
        var offer: Intent? = null
        phone.until("an offer") { offer().also { offer = it } != null }
        // What it is shared with lies over the app, and goes.
        phone.controller.pause().resume()
        return checkNotNull(offer)
    }

    /** What was offered to other apps, among all that was started. */
    private fun offer(): Intent? =
        generateSequence { shadowOf(phone.activity).nextStartedActivity }.find { it.action == Intent.ACTION_CHOOSER }

    private fun sent(offer: Intent): Intent =
        assertNotNull(offer.getParcelableExtra(Intent.EXTRA_INTENT, Intent::class.java))

    private fun nameOf(offer: Intent): String = checkNotNull(pictureOf(offer).lastPathSegment)

    private fun pictureOf(offer: Intent): Uri = assertNotNull(sent(offer).getParcelableExtra(Intent.EXTRA_STREAM, Uri::class.java))

    /** Reads the picture as the app does that it is shared with. */
    private fun read(offer: Intent): Bitmap =
        phone.application.contentResolver.openInputStream(pictureOf(offer)).use { assertNotNull(BitmapFactory.decodeStream(it)) }

    /** The share of a picture's pixels that the screen has in the same place. */
    private fun alike(shared: Bitmap): Double {
        val places = List(40 * 40) { (it % 40 + 0.5f) / 40 to (it / 40 + 0.5f) / 40 }
        val screen = phone.draw()
        val stage = phone.view<PictureView>(R.id.picture)
        val equal = places.count { (x, y) ->
            val place = stage.placeOf(x, y)
            val shown = screen.getPixel(place.x.toInt(), place.y.toInt())
            val found = shared.getPixel((x * shared.width).toInt(), (y * shared.height).toInt())
            listOf(Color::red, Color::green, Color::blue).all { abs(it(shown) - it(found)) <= 12 }
        }
        return equal / places.size.toDouble()
    }
}
