package io.topformer.demo

import android.graphics.ImageFormat
import android.media.Image
import android.media.ImageReader
import android.os.Handler
import android.view.Surface

/**
 * The images of a camera. Closing the reader waits for the last image that is still used: Android takes the memory of
 * images back with their reader, from under whoever is reading them.
 */
class CameraImages(size: Size, handler: Handler, onImage: (Image, Runnable) -> Unit) : AutoCloseable {
    // One is being run, one waits, one is new, and the camera fills the other.
    private val reader = ImageReader.newInstance(size.width, size.height, ImageFormat.YUV_420_888, 4)
    private var used = 0
    private var closed = false
    private val onClosed = Runnable(::giveBack)

    val surface: Surface get() = reader.surface

    init {
        reader.setOnImageAvailableListener({ take()?.let { image -> onImage(image, onClosed) } }, handler)
    }

    @Synchronized
    override fun close() {
        if (closed) return
        closed = true
        if (used == 0) reader.close()
    }

    @Synchronized
    private fun take(): Image? {
        if (closed) return null
        return reader.acquireLatestImage()?.also { used++ }
    }

    @Synchronized
    private fun giveBack() {
        used--
        if (closed && used == 0) reader.close()
    }
}
