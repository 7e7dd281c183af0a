package io.topformer.core

/** A picture read row by row, upright, as red, green and blue from 0 to 255. */
internal interface PixelRows {
    val width: Int
    val height: Int

    /** Fills the first [width] values of each channel of [rgb]. */
    fun read(row: Int, rgb: Array<IntArray>)
}

/** Pixels as Android's Bitmap gives them, 0xAARRGGBB; alpha is ignored. */
internal class ArgbRows : PixelRows {
    private var pixels = IntArray(0)
    override var width = 0
        private set
    override var height = 0
        private set

    fun load(pixels: IntArray, width: Int, height: Int) {
        require(width > 0 && height > 0 && pixels.size.toLong() == width.toLong() * height) {
            "${pixels.size} pixels are no picture of $width x $height."
        }
        this.pixels = pixels
        this.width = width
        this.height = height
    }

    override fun read(row: Int, rgb: Array<IntArray>) {
        val (red, green, blue) = rgb
        val start = row * width
        for (x in 0 until width) {
            val pixel = pixels[start + x]
            red[x] = (pixel shr 16) and 0xFF
            green[x] = (pixel shr 8) and 0xFF
            blue[x] = pixel and 0xFF
        }
    }
}

/**
 * A camera frame, turned and mirrored while it is read.
 *
 * The place of an upright pixel in a plane is the sum of one offset for its row and one for its column, whatever the
 * rotation: four small tables, and no turned copy of the frame.
 */
internal class YuvRows : PixelRows {
    private val luma = PlaneBytes()
    private val blueness = PlaneBytes()
    private val redness = PlaneBytes()
    private var across = Offsets(0)
    private var down = Offsets(0)
    override var width = 0
        private set
    override var height = 0
        private set

    /** Turns the frame clockwise, then mirrors it left to right. */
    fun load(frame: YuvFrame, rotationDegrees: Int, mirror: Boolean) {
        require(rotationDegrees in 0..270 && rotationDegrees % 90 == 0) { "A frame can't be turned by $rotationDegrees degrees." }
        luma.load(frame.y, frame.width, frame.height)
        blueness.load(frame.u, (frame.width + 1) / 2, (frame.height + 1) / 2)
        redness.load(frame.v, (frame.width + 1) / 2, (frame.height + 1) / 2)
        val lying = rotationDegrees == 90 || rotationDegrees == 270
        width = if (lying) frame.height else frame.width
        height = if (lying) frame.width else frame.height
        if (across.size != width) across = Offsets(width)
        if (down.size != height) down = Offsets(height)
        // Turned clockwise by 90 degrees, the first row upright is the first column of the frame, from its end.
        val leftToRightReversed = rotationDegrees == 90 || rotationDegrees == 180
        val topToBottomReversed = rotationDegrees == 180 || rotationDegrees == 270
        across.fill(frame, alongRows = !lying, reversed = leftToRightReversed != mirror)
        down.fill(frame, alongRows = lying, reversed = topToBottomReversed)
    }

    override fun read(row: Int, rgb: Array<IntArray>) {
        val (red, green, blue) = rgb
        val lumaStart = down.luma[row]
        val bluenessStart = down.blueness[row]
        val rednessStart = down.redness[row]
        for (x in 0 until width) {
            // JFIF, full range, as Android's cameras deliver (ADataSpace's JFIF); the factors are times 2^16.
            val y = ((luma.bytes[lumaStart + across.luma[x]].toInt() and 0xFF) shl 16) + (1 shl 15)
            val cb = (blueness.bytes[bluenessStart + across.blueness[x]].toInt() and 0xFF) - 128
            val cr = (redness.bytes[rednessStart + across.redness[x]].toInt() and 0xFF) - 128
            red[x] = clamp((y + 91881 * cr) shr 16)
            green[x] = clamp((y - 22554 * cb - 46802 * cr) shr 16)
            blue[x] = clamp((y + 116130 * cb) shr 16)
        }
    }

    private fun clamp(value: Int) = if (value < 0) 0 else if (value > 255) 255 else value
}

/** Per pixel along one side: how far its samples lie from the start of each plane. */
private class Offsets(val size: Int) {
    val luma = IntArray(size)
    val blueness = IntArray(size)
    val redness = IntArray(size)

    fun fill(frame: YuvFrame, alongRows: Boolean, reversed: Boolean) {
        for (pixel in 0 until size) {
            val place = if (reversed) size - 1 - pixel else pixel
            luma[pixel] = place * frame.y.step(alongRows)
            blueness[pixel] = place / 2 * frame.u.step(alongRows)
            redness[pixel] = place / 2 * frame.v.step(alongRows)
        }
    }

    private fun YuvPlane.step(alongRows: Boolean) = if (alongRows) pixelStride else rowStride
}
