package io.topformer.demo

import io.topformer.core.FrameRate
import io.topformer.core.LatencyStats

/** How long the last results took, part by part, and how many came a second. */
class Times {
    val preprocess = LatencyStats(WINDOW)
    val execute = LatencyStats(WINDOW)
    val postprocess = LatencyStats(WINDOW)
    val rate = FrameRate(WINDOW)

    fun add(timings: Timings, nowNs: Long) {
        preprocess.add(timings.preprocessNs)
        execute.add(timings.executeNs)
        postprocess.add(timings.postprocessNs)
        rate.add(nowNs)
    }

    /** What comes next is of another model. */
    fun clear() {
        listOf(preprocess, execute, postprocess).forEach(LatencyStats::clear)
        rate.clear()
    }

    private companion object {
        const val WINDOW = 30
    }
}
