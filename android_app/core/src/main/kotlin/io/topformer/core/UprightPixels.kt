package io.topformer.core

/** A camera frame as the picture that a person sees: turned, mirrored, in colours. Not for several threads. */
public class UprightPixels {
    private val rows = YuvRows()
    private var rgb = Array(3) { IntArray(0) }

    public val width: Int get() = rows.width
    public val height: Int get() = rows.height

    /** Takes a frame, turned clockwise, then mirrored if asked; it must stay valid until [write]. */
    public fun load(frame: YuvFrame, rotationDegrees: Int, mirror: Boolean) {
        rows.load(frame, rotationDegrees, mirror)
        if (rgb[0].size != width) rgb = Array(3) { IntArray(width) }
    }

    /** Writes the pixels as 0xFFRRGGBB, row by row. */
    public fun write(out: IntArray) {
        require(out.size >= width * height) { "${width * height} pixels do not fit into ${out.size}." }
        val (red, green, blue) = rgb
        for (y in 0 until height) {
            rows.read(y, rgb)
            val start = y * width
            for (x in 0 until width) {
                out[start + x] = (0xFF shl 24) or (red[x] shl 16) or (green[x] shl 8) or blue[x]
            }
        }
    }
}
