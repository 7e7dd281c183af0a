package io.topformer.demo

import android.net.Uri
import kotlin.test.Test
import kotlin.test.assertEquals

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

    private fun sizeOf(width: Int, height: Int): Size =
        readPicture(phone.application.contentResolver, Uri.fromFile(streetPicture(width, height))).run { Size(this.width, this.height) }
}
