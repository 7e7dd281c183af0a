package io.topformer.demo

import android.graphics.Bitmap
import android.graphics.Color
import android.graphics.ImageFormat
import android.media.Image
import java.nio.ByteBuffer

/** A frame as most phones deliver it: rows with a margin, the two colour planes interleaved, the last row cut short. */
class FakeImage(picture: Bitmap, private val onClose: () -> Unit = {}) : Image() {
    private val width = picture.width
    private val height = picture.height
    private val luma = ByteBuffer.allocateDirect((height - 1) * LUMA_MARGIN + width * height)
    private val colours = ByteBuffer.allocateDirect((height / 2 - 1) * (width + COLOUR_MARGIN) + width)

    @Volatile
    var closed = false
        private set

    // Source: JPEG File Interchange Format 1.02, full range, as Android's YUV_420_888 has it.
    init {
        for (y in 0 until height) {
            for (x in 0 until width) {
                val (red, green, blue) = channels(picture.getPixel(x, y))
                luma.put(y * (width + LUMA_MARGIN) + x, byte(0.299f * red + 0.587f * green + 0.114f * blue))
            }
        }
        for (y in 0 until height step 2) {
            for (x in 0 until width step 2) {
                val four = List(4) { channels(picture.getPixel(x + it % 2, y + it / 2)) }
                val (red, green, blue) = List(3) { channel -> four.sumOf { it[channel].toDouble() }.toFloat() / 4 }
                val place = y / 2 * (width + COLOUR_MARGIN) + x
                colours.put(place, byte(128 + 0.5f * red - 0.418688f * green - 0.081312f * blue))
                colours.put(place + 1, byte(128 - 0.168736f * red - 0.331264f * green + 0.5f * blue))
            }
        }
    }

    private fun channels(colour: Int) = listOf(Color.red(colour), Color.green(colour), Color.blue(colour)).map(Int::toFloat)

    private fun byte(value: Float): Byte = Math.round(value).coerceIn(0, 255).toByte()

    override fun getPlanes(): Array<Plane> {
        check(!closed) { "The image is already closed." }
        val blue = colours.duplicate().position(1).slice()
        return arrayOf(
            FakePlane(luma, width + LUMA_MARGIN, 1),
            FakePlane(blue, width + COLOUR_MARGIN, 2),
            FakePlane(colours, width + COLOUR_MARGIN, 2),
        )
    }

    /** As in the camera, another picture may be in the buffers from now on. */
    override fun close() {
        if (closed) return
        closed = true
        for (buffer in listOf(luma, colours)) for (i in 0 until buffer.capacity()) buffer.put(i, 0)
        onClose()
    }

    override fun getFormat() = ImageFormat.YUV_420_888

    override fun getWidth() = width

    override fun getHeight() = height

    override fun getTimestamp() = 0L

    override fun getTransform() = 0

    override fun getScalingMode() = 0

    private class FakePlane(private val bytes: ByteBuffer, private val row: Int, private val pixel: Int) : Plane() {
        override fun getBuffer(): ByteBuffer = bytes

        override fun getRowStride() = row

        override fun getPixelStride() = pixel
    }

    private companion object {
        const val LUMA_MARGIN = 16
        const val COLOUR_MARGIN = 32
    }
}
