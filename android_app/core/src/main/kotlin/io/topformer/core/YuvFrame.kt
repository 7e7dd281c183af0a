package io.topformer.core

import java.nio.Buffer
import java.nio.ByteBuffer

/**
 * One plane of a camera frame; the pixel stride is 2 where the samples of two planes take turns. One object serves all
 * frames, one after the other.
 */
public class YuvPlane(buffer: ByteBuffer, rowStride: Int, pixelStride: Int) {
    internal var buffer = buffer
        private set
    internal var rowStride = rowStride
        private set
    internal var pixelStride = pixelStride
        private set

    public fun set(buffer: ByteBuffer, rowStride: Int, pixelStride: Int) {
        this.buffer = buffer
        this.rowStride = rowStride
        this.pixelStride = pixelStride
    }
}

/**
 * A frame as Android's YUV_420_888 has it: any strides, half as many chroma samples along each side, rounded up.
 *
 * Only wraps the planes; they are read while the frame is preprocessed and left as they are.
 */
public class YuvFrame(width: Int, height: Int, public val y: YuvPlane, public val u: YuvPlane, public val v: YuvPlane) {
    public var width: Int = width
        private set
    public var height: Int = height
        private set

    init {
        resize(width, height)
    }

    /** Says that the planes are of a frame of this size. */
    public fun resize(width: Int, height: Int) {
        require(width in 1..LARGEST_SIDE_PX && height in 1..LARGEST_SIDE_PX) { "A frame can't be $width x $height." }
        this.width = width
        this.height = height
    }

    internal companion object {
        const val LARGEST_SIDE_PX = 16384
    }
}

/** The bytes of a plane on the heap, where reading single ones is fast; kept from frame to frame. */
internal class PlaneBytes {
    var bytes = ByteArray(0)
        private set

    fun load(plane: YuvPlane, width: Int, height: Int) {
        require(plane.rowStride > 0 && plane.pixelStride > 0) { "Strides must be positive." }
        // The last row need not be padded.
        val size = (height - 1L) * plane.rowStride + (width - 1L) * plane.pixelStride + 1
        val buffer = plane.buffer
        require(size <= buffer.remaining()) { "A plane of $size bytes has only ${buffer.remaining()}." }
        if (bytes.size < size) bytes = ByteArray(size.toInt())
        // Not plane.buffer.position(Int), which Android's oldest has in Buffer alone.
        val place: Buffer = buffer
        val start = place.position()
        buffer.get(bytes, 0, size.toInt())
        place.position(start)
    }
}
