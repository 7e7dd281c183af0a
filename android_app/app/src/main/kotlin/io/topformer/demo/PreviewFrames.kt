package io.topformer.demo

import android.graphics.SurfaceTexture
import android.os.Handler
import android.view.Surface

/**
 * The camera's picture on its way to the screen: what the camera draws into, and the last frames, each in a slot.
 *
 * Used on the camera's thread, but for what [open][PreviewFactory.open] is given.
 */
interface PreviewFrames : AutoCloseable {
    /** For the camera. */
    val surface: Surface

    /** Takes the newest frame from the camera; returns when it was taken, by the camera's clock. Throws [IllegalStateException]. */
    fun latch(): Long

    /** Keeps the frame that was latched. */
    fun keep(slot: Int)

    /** Brings a kept frame onto the screen. */
    fun show(slot: Int)

    /** Where frames are shown from now on; null where there is no such place. */
    fun showOn(output: SurfaceTexture?)
}

/** Opens [PreviewFrames]: upright pictures of a size where the display is in its natural place. */
fun interface PreviewFactory {
    /** [onFrame] is called through [handler] for each frame of the camera. */
    fun open(size: Size, sensorDegrees: Int, slots: Int, handler: Handler, onFrame: Runnable): PreviewFrames
}
