package io.topformer.demo

import android.content.Intent
import android.graphics.Bitmap
import android.graphics.BitmapFactory
import android.graphics.Color
import android.hardware.camera2.CameraCharacteristics
import android.net.Uri
import android.provider.MediaStore.MediaColumns
import android.widget.SeekBar
import org.robolectric.Shadows.shadowOf
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
    private lateinit var gallery: Gallery

    @BeforeTest
    fun install() {
        TestModel.install(phone.application)
        gallery = Gallery.install()
    }

    @Test
    fun `a picture is saved among the user's, and offered to other apps to be read`() {
        showPicture()
        val offer = share()
        val send = assertNotNull(offer.getParcelableExtra(Intent.EXTRA_INTENT, Intent::class.java))
        assertEquals(Intent.ACTION_SEND, send.action)
        assertEquals("image/png", send.type)
        assertEquals(Uri.parse("content://media/external/images/media/1"), send.getParcelableExtra(Intent.EXTRA_STREAM, Uri::class.java))
        assertContains(send.getStringExtra(Intent.EXTRA_TEXT).orEmpty(), "tiny")
        // The chooser shows the picture as well.
        for (intent in listOf(offer, send)) {
            assertEquals(Uri.parse("content://media/external/images/media/1"), intent.clipData?.getItemAt(0)?.uri)
            assertNotEquals(0, intent.flags and Intent.FLAG_GRANT_READ_URI_PERMISSION)
        }
        val values = gallery.entries.values.single().values
        assertEquals("image/png", values.getAsString(MediaColumns.MIME_TYPE))
        assertEquals("Pictures/TopFormer", values.getAsString(MediaColumns.RELATIVE_PATH))
        assertContains(values.getAsString(MediaColumns.DISPLAY_NAME), Regex("topformer-[0-9]+\\.png"))
    }

    @Test
    fun `the saved picture is what the screen shows, at the opacity that was chosen`() {
        showPicture()
        phone.view<SeekBar>(R.id.opacity).progress = 80
        share()
        val saved = BitmapFactory.decodeFile(gallery.entries.values.single().file.path)
        assertTrue(alike(saved) > 0.97, "Only ${alike(saved)} of the pixels are alike.")
        phone.view<SeekBar>(R.id.opacity).progress = 20
        assertTrue(alike(saved) < 0.5, "Any picture would do.")
    }

    @Test
    fun `of a frozen screen the frozen frame is saved`() {
        phone.addCamera("0", CameraCharacteristics.LENS_FACING_BACK)
        val camera = phone.startLive()
        phone.view<SeekBar>(R.id.opacity).progress = 0
        camera.deliver(halves(Color.RED))
        phone.untilLabels()
        phone.click(R.id.freeze)
        val later = camera.deliver(halves(Color.BLUE))
        phone.until("a dropped frame") { later.closed }
        phone.settle()
        share()
        val saved = BitmapFactory.decodeFile(gallery.entries.values.single().file.path)
        val colour = saved.getPixel(saved.width / 2, saved.height / 2)
        assertTrue(Color.red(colour) > 250 && Color.blue(colour) < 5, Integer.toHexString(colour))
    }

    @Test
    fun `a gallery that takes nothing is a message, after which the picture can be seen again`() {
        showPicture()
        gallery.refuses = true
        phone.click(R.id.share)
        phone.untilNotice("The picture can't be saved")
        assertEquals("The gallery takes no picture.", phone.text(R.id.notice_why))
        val before = phone.colourAt(0.5f, 0.5f)
        phone.click(R.id.notice_action)
        assertFalse(phone.isShown(R.id.notice))
        assertNotEquals(before, phone.colourAt(0.5f, 0.5f))
        gallery.refuses = false
        share()
    }

    @Test
    fun `a full phone is a message, and leaves no empty picture`() {
        showPicture()
        gallery.isFull = true
        phone.click(R.id.share)
        phone.untilNotice("The picture can't be saved")
        assertContains(phone.text(R.id.notice_why), "No space left on device")
        assertEquals(0, gallery.entries.size)
        assertNull(offer())
    }

    @Test
    fun `nothing is shared before there is a picture`() {
        phone.start()
        phone.click(R.id.share)
        phone.settle()
        assertEquals(0, gallery.entries.size)
        assertNull(offer())
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
        return checkNotNull(offer)
    }

    /** What was offered to other apps, among all that was started. */
    private fun offer(): Intent? =
        generateSequence { shadowOf(phone.activity).nextStartedActivity }.find { it.action == Intent.ACTION_CHOOSER }

    /** The share of the saved picture's pixels that the screen has in the same place. */
    private fun alike(saved: Bitmap): Double {
        val places = List(40 * 40) { (it % 40 + 0.5f) / 40 to (it / 40 + 0.5f) / 40 }
        val screen = phone.draw()
        val stage = phone.view<SegmentationView>(R.id.picture)
        val equal = places.count { (x, y) ->
            val left = (stage.width - saved.width) / 2f + x * saved.width
            val top = (stage.height - saved.height) / 2f + y * saved.height
            val shown = screen.getPixel(left.toInt(), top.toInt())
            val found = saved.getPixel((x * saved.width).toInt(), (y * saved.height).toInt())
            listOf(Color::red, Color::green, Color::blue).all { abs(it(shown) - it(found)) <= 8 }
        }
        return equal / places.size.toDouble()
    }
}
