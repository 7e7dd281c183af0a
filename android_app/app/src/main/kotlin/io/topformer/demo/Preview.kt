package io.topformer.demo

import android.graphics.SurfaceTexture
import android.view.Surface
import io.topformer.core.FramePairing

/** The camera's frames on the screen, each held back until its labels are there. On the camera's thread. */
class Preview(private val progress: Progress, open: (slots: Int, onFrame: Runnable) -> PreviewFrames) : AutoCloseable {
    /** What the network has done so far, in the times of camera frames. */
    interface Progress {
        /** Of the frame that the network took last; [FramePairing.NOTHING_RUNS] where there is none to take them. */
        val runningNs: Long
    }

    private val pairing = FramePairing(SLOTS)
    private val frames = open(SLOTS, Runnable(::onFrame))
    private var isFrozen = false

    val surface: Surface get() = frames.surface

    fun onLabels(timestampNs: Long) {
        if (!isFrozen && pairing.onLabels(timestampNs)) frames.show(pairing.shown)
    }

    /** Lets the picture stand still, as it was under the labels that stand over it; or go on. */
    fun freeze(freeze: Boolean) {
        isFrozen = freeze
        if (freeze && pairing.onFreeze()) frames.show(pairing.shown)
    }

    fun showOn(output: SurfaceTexture?) = frames.showOn(output)

    override fun close() = frames.close()

    private fun onFrame() {
        val timestampNs = frames.latch()
        if (isFrozen) return
        frames.keep(pairing.add(timestampNs))
        if (pairing.onFrame(progress.runningNs)) frames.show(pairing.shown)
    }

    private companion object {
        // At 30 frames a second it holds the picture back for 0.13 s at most; at 960 x 1280 a slot is 5 MB of the GPU's.
        const val SLOTS = 8
    }
}
