package io.topformer.demo

import android.graphics.Bitmap
import android.graphics.Color
import android.graphics.ImageFormat
import android.media.Image
import android.media.ImageReader
import org.robolectric.annotation.Implementation
import org.robolectric.annotation.Implements
import org.robolectric.annotation.RealObject
import org.robolectric.shadow.api.Shadow
import java.nio.ByteBuffer

// Android's own images can neither be made nor extended by apps: these stand in for them from below.
private const val IMAGE = "android.media.ImageReader\$SurfaceImage"
private const val PLANE = "$IMAGE\$SurfacePlane"

/** A frame as most phones deliver it: rows with a margin, the two colour planes interleaved, the last row cut short. */
@Implements(className = IMAGE)
class FakeImage {
    @RealObject
    lateinit var image: Image
        private set
    private var width = 0
    private var height = 0
    private var timestampNs = 0L
    private lateinit var luma: ByteBuffer
    private lateinit var colours: ByteBuffer

    @Volatile
    var closed = false
        private set

    // Source: JPEG File Interchange Format 1.02, full range, as Android's YUV_420_888 has it.
    private fun fill(picture: Bitmap) {
        width = picture.width
        height = picture.height
        luma = ByteBuffer.allocateDirect((height - 1) * LUMA_MARGIN + width * height)
        colours = ByteBuffer.allocateDirect((height / 2 - 1) * (width + COLOUR_MARGIN) + width)
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

    @Implementation
    @Suppress("UNUSED_PARAMETER")
    fun __constructor__(reader: ImageReader?, format: Int) = Unit

    @Implementation
    fun getPlanes(): Array<Image.Plane> {
        check(!closed) { "The image is already closed." }
        val blue = colours.duplicate().position(1).slice()
        return arrayOf(
            FakePlane.of(luma, width + LUMA_MARGIN, 1),
            FakePlane.of(blue, width + COLOUR_MARGIN, 2),
            FakePlane.of(colours, width + COLOUR_MARGIN, 2),
        )
    }

    /** As in the camera, another picture may be in the buffers from now on. */
    @Implementation
    fun close() {
        if (closed) return
        closed = true
        for (buffer in listOf(luma, colours)) for (i in 0 until buffer.capacity()) buffer.put(i, 0)
    }

    @Implementation
    fun getFormat() = ImageFormat.YUV_420_888

    @Implementation
    fun getWidth() = width

    @Implementation
    fun getHeight() = height

    @Implementation
    fun getTimestamp() = timestampNs

    companion object {
        private const val LUMA_MARGIN = 16
        private const val COLOUR_MARGIN = 32

        fun of(picture: Bitmap, timestampNs: Long = 0): FakeImage {
            val types = arrayOf(ImageReader::class.java, Int::class.java)
            val image = Shadow.newInstance(Class.forName(IMAGE), types, arrayOf(null, 0))
            return Shadow.extract<FakeImage>(image).apply {
                fill(picture)
                this.timestampNs = timestampNs
            }
        }
    }
}

/** One of the planes of a [FakeImage]. */
@Implements(className = PLANE)
class FakePlane {
    private lateinit var bytes: ByteBuffer
    private var row = 0
    private var pixel = 0

    @Implementation
    fun getBuffer(): ByteBuffer = bytes

    @Implementation
    fun getRowStride() = row

    @Implementation
    fun getPixelStride() = pixel

    companion object {
        fun of(bytes: ByteBuffer, row: Int, pixel: Int): Image.Plane {
            val types = arrayOf(Class.forName(IMAGE), Int::class.java, Int::class.java, ByteBuffer::class.java)
            val plane = Shadow.newInstance(Class.forName(PLANE), types, arrayOf(null, row, pixel, bytes))
            Shadow.extract<FakePlane>(plane).run {
                this.bytes = bytes
                this.row = row
                this.pixel = pixel
            }
            return plane as Image.Plane
        }
    }
}
