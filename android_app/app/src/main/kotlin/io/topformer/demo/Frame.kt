package io.topformer.demo

import android.media.Image
import io.topformer.core.Preprocessor
import io.topformer.core.UprightPixels
import io.topformer.core.YuvFrame
import io.topformer.core.YuvPlane
import java.nio.FloatBuffer

/** A picture on its way to the model, upright. */
interface Frame : AutoCloseable {
    val width: Int
    val height: Int

    /** Writes the model's input. */
    fun writeTensor(preprocessor: Preprocessor, out: FloatBuffer)

    /** Writes what the screen shows, 0xFFRRGGBB. */
    fun writePixels(upright: UprightPixels, out: IntArray)
}

/**
 * A frame of the camera; the camera can't deliver many more before it is closed.
 *
 * The few small objects made here for each frame stand beside those that Android makes: an Image, its planes and their
 * buffers are new every time.
 */
class CameraFrame(
    private val image: Image,
    private val rotationDegrees: Int,
    private val mirror: Boolean,
    private val onClosed: Runnable,
) : Frame {
    private val yuv = image.run {
        YuvFrame(width, height, planes[0].asYuvPlane(), planes[1].asYuvPlane(), planes[2].asYuvPlane())
    }
    private val lying = rotationDegrees % 180 == 90
    override val width = if (lying) image.height else image.width
    override val height = if (lying) image.width else image.height

    override fun writeTensor(preprocessor: Preprocessor, out: FloatBuffer) {
        preprocessor.fromYuv(yuv, rotationDegrees, mirror, out)
    }

    override fun writePixels(upright: UprightPixels, out: IntArray) {
        upright.load(yuv, rotationDegrees, mirror)
        upright.write(out)
    }

    override fun close() {
        image.close()
        onClosed.run()
    }

    private fun Image.Plane.asYuvPlane() = YuvPlane(buffer, rowStride, pixelStride)
}

/** A picture that was opened from a file. */
class StillFrame(val pixels: IntArray, override val width: Int, override val height: Int) : Frame {
    override fun writeTensor(preprocessor: Preprocessor, out: FloatBuffer) {
        preprocessor.fromArgb(pixels, width, height, out)
    }

    override fun writePixels(upright: UprightPixels, out: IntArray) {
        pixels.copyInto(out)
    }

    override fun close() = Unit
}
