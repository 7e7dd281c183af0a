package io.topformer.demo

import android.os.Handler
import android.os.HandlerThread

/**
 * The thread of one camera after the other: none is opened before the one before it was given back. It lives as long as
 * the app, because a screen that was closed may still give its camera back when the next one wants it.
 */
class CameraThread {
    val handler = Handler(HandlerThread("camera").apply { start() }.looper)

    // Touched on this thread only.
    private var holder: CameraSource? = null
    private var next: Pair<CameraSource, () -> Unit>? = null

    /** On this thread: [open]s a camera for a source now, or when the one before is given back. */
    fun take(source: CameraSource, open: () -> Unit) {
        if (holder != null) {
            // Whoever waited till now was closed meanwhile.
            next = source to open
            return
        }
        holder = source
        open()
    }

    /** On this thread: the source holds no camera any more. */
    fun giveBack(source: CameraSource) {
        if (holder !== source) return
        holder = null
        val waiting = next
        next = null
        if (waiting != null) take(waiting.first, waiting.second)
    }
}
