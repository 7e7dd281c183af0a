package io.topformer.demo

import android.graphics.Bitmap
import android.graphics.Canvas
import android.graphics.Color
import android.graphics.Paint
import org.junit.Rule
import org.junit.rules.TemporaryFolder
import kotlin.test.Test
import kotlin.test.assertContains
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertFalse
import kotlin.test.assertTrue

/** The comparison with kept pictures sees what people would see, and nothing less. */
class KeptScreensTest : AppTest() {
    @get:Rule
    val folder = TemporaryFolder()
    private val kept by lazy { folder.newFolder("kept") }
    private val made by lazy { folder.newFolder("made") }
    private val screens by lazy { KeptScreens(kept, made, accept = false) }
    private val difference by lazy { made.resolve("a.difference.png") }

    @Test
    fun `the same screen passes, and so does one that is rounded otherwise`() {
        keep(screen("heat: none"))
        screens.check("a", screen("heat: none"))
        screens.check("a", screen("heat: none").apply { shade(0, 0, 411, 300, KeptScreens.MOST_LEVELS) })
        screens.check("a", screen("heat: none").apply { shade(0, 0, 8, 8, 255) })
        assertFalse(difference.exists())
        assertTrue(made.resolve("a.png").isFile)
    }

    @Test
    fun `another word fails, and the difference is shown`() {
        keep(screen("heat: none"))
        val error = assertFailsWith<AssertionError> { screens.check("a", screen("heat: severe")) }
        assertContains(error.message.orEmpty(), "-Dscreens.accept=true")
        assertContains(error.message.orEmpty(), difference.path)
        assertTrue(difference.isFile)
        // Once it is as it was, nothing is left of that.
        screens.check("a", screen("heat: none"))
        assertFalse(difference.exists())
    }

    @Test
    fun `a shade of much of the screen fails`() {
        keep(screen("heat: none"))
        val darker = screen("heat: none").apply { shade(0, 0, 20, 20, KeptScreens.MOST_LEVELS + 1) }
        assertFailsWith<AssertionError> { screens.check("a", darker) }
    }

    @Test
    fun `another size fails`() {
        keep(screen("heat: none"))
        val smaller = Bitmap.createBitmap(screen("heat: none"), 0, 0, 410, 891)
        assertContains(assertFailsWith<AssertionError> { screens.check("a", smaller) }.message.orEmpty(), "410 x 891")
    }

    @Test
    fun `a screen without a kept picture fails until it is accepted`() {
        val new = screen("heat: none")
        assertContains(assertFailsWith<AssertionError> { screens.check("a", new) }.message.orEmpty(), "No picture")
        assertEquals(emptyList(), kept.list()?.toList())
        KeptScreens(kept, made, accept = true).check("a", new)
        screens.check("a", new)
        assertEquals(listOf("a.png"), kept.list()?.toList())
    }

    private fun keep(screen: Bitmap) = KeptScreens(kept, made, accept = true).check("a", screen)

    private fun screen(text: String): Bitmap {
        val bitmap = Bitmap.createBitmap(411, 891, Bitmap.Config.ARGB_8888)
        val canvas = Canvas(bitmap)
        canvas.drawColor(Color.WHITE)
        canvas.drawText(text, 16f, 700f, Paint(Paint.ANTI_ALIAS_FLAG).apply { textSize = 13f })
        return bitmap
    }

    private fun Bitmap.shade(left: Int, top: Int, width: Int, height: Int, levels: Int) {
        val grey = 255 - levels
        setPixels(IntArray(width * height) { Color.rgb(grey, grey, grey) }, 0, width, left, top, width, height)
    }
}
