package io.topformer.demo

import android.graphics.Bitmap
import android.net.Uri
import java.io.File
import kotlin.math.abs
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertTrue

/** Pictures of any size. */
class PictureFilesTest : AppTest() {
    @Test
    fun `a picture is made no smaller than it must be`() {
        assertEquals(Size(2048, 10), sizeOf(2048, 10))
        assertEquals(Size(2048, 1024), sizeOf(2050, 1025))
        assertEquals(Size(1024, 2048), sizeOf(2500, 5000))
    }

    @Test
    fun `a line is still a picture`() = assertEquals(Size(2048, 1), sizeOf(4096, 1))

    // Source: Pillow, Image.alpha_composite over white, as topformer/images.py does it.
    @Test
    fun `what shows through a transparent picture is white, as in Python`() {
        val file = File.createTempFile("transparent", ".png")
        val colours = intArrayOf(0x00000000, 0x00FF0000, 0x80FF0000.toInt(), 0x400040FF, 0xFF102030.toInt())
        val bitmap = Bitmap.createBitmap(colours, colours.size, 1, Bitmap.Config.ARGB_8888)
        file.outputStream().use { bitmap.compress(Bitmap.CompressFormat.PNG, 100, it) }
        val read = read(file)
        val expected = intArrayOf(WHITE, WHITE, 0xFFFF7F7F.toInt(), 0xFFBFCFFF.toInt(), 0xFF102030.toInt())
        for ((wanted, found) in expected.zip(read.pixels)) {
            val differences = listOf(24, 16, 8, 0).map { abs((wanted ushr it and 0xFF) - (found ushr it and 0xFF)) }
            // Android multiplies colours by their alpha first, and rounds.
            assertTrue(differences.max() <= 1, "${Integer.toHexString(found)} for ${Integer.toHexString(wanted)}")
        }
        assertEquals(WHITE, read.picture.getPixel(0, 0))
    }

    private fun sizeOf(width: Int, height: Int): Size = read(streetPicture(width, height)).run { Size(this.width, this.height) }

    private fun read(file: File) = readPicture(phone.application.contentResolver, Uri.fromFile(file))

    private companion object {
        const val WHITE = -1
    }
}
