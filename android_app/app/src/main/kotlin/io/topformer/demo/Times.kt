package io.topformer.demo

import io.topformer.core.FrameRate
import io.topformer.core.LatencyStats

/** Tells the time in nanoseconds since some moment; of the app's own times all are by one. */
fun interface Clock {
    fun nowNs(): Long
}

/**
 * How long the last results took, and how many came a second: both told of those that were drawn, so that they agree.
 * For each there is a median and a 90th percentile.
 */
class Times {
    val preprocess = LatencyStats(WINDOW)
    val execute = LatencyStats(WINDOW)
    val postprocess = LatencyStats(WINDOW)

    /**
     * From when the camera's thread takes a frame, or the engine's an opened picture, until the system has been given the
     * drawing of its labels: the parts above, waiting between them, and drawing. What comes before is not in it: exposure,
     * and the frame's way to that thread. Nor is what comes after: its way from there to the light of the display.
     */
    val whole = LatencyStats(WINDOW)
    val rate = FrameRate(WINDOW)

    /** Adds a result whose drawing was given to the system now. */
    fun add(timings: Timings, nowNs: Long) {
        preprocess.add(timings.preprocessNs)
        execute.add(timings.executeNs)
        postprocess.add(timings.postprocessNs)
        whole.add(nowNs - timings.arrivedNs)
        rate.add(nowNs)
    }

    /** What comes next is of another model, or of another picture. */
    fun clear() {
        listOf(preprocess, execute, postprocess, whole).forEach(LatencyStats::clear)
        rate.clear()
    }

    private companion object {
        const val WINDOW = 30
    }
}
