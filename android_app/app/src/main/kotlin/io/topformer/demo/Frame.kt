package io.topformer.demo

import android.graphics.Bitmap
import android.media.Image
import io.topformer.core.YuvFrame
import io.topformer.core.YuvPlane
import java.nio.ByteBuffer

/** A picture that was opened from a file, 0xFFRRGGBB; where the file is transparent, it lies over white. */
class StillFrame(val pixels: IntArray, val width: Int, val height: Int) {
    /** What the screen shows of it. */
    val picture: Bitmap by lazy { Bitmap.createBitmap(pixels, width, height, Bitmap.Config.ARGB_8888) }
}

/** A frame that wraps one image of the camera after the other. */
fun emptyYuvFrame(): YuvFrame {
    val nothing = ByteBuffer.allocate(0)
    return YuvFrame(1, 1, YuvPlane(nothing, 1, 1), YuvPlane(nothing, 1, 1), YuvPlane(nothing, 1, 1))
}

/** Wraps an image of a size, which must stay open while the frame is read. */
fun YuvFrame.wrap(width: Int, height: Int, planes: Array<Image.Plane>) {
    resize(width, height)
    wrap(y, planes[0])
    wrap(u, planes[1])
    wrap(v, planes[2])
}

// The array of planes, and what they give, are Android's own: new for each image.
fun YuvFrame.wrap(image: Image) = wrap(image.width, image.height, image.planes)

private fun wrap(plane: YuvPlane, of: Image.Plane) = plane.set(of.buffer, of.rowStride, of.pixelStride)
