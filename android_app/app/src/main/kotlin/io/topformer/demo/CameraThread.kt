package io.topformer.demo

import android.os.Handler
import android.os.HandlerThread

/** The thread of one camera after the other: none is opened before the one before it was given back. */
class CameraThread : AutoCloseable {
    private val thread = HandlerThread("camera").apply { start() }
    val handler = Handler(thread.looper)

    // Touched on this thread only.
    private var holder: CameraSource? = null
    private var next: Pair<CameraSource, () -> Unit>? = null
    private var ending = false

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
        if (waiting != null) take(waiting.first, waiting.second) else if (ending) thread.quitSafely()
    }

    /** Ends the thread, but not before a camera that is still being opened has come to it, to be closed. */
    override fun close() {
        handler.post {
            ending = true
            if (holder == null) thread.quitSafely()
        }
    }
}
