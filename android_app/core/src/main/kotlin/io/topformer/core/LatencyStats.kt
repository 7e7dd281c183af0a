package io.topformer.core

/** Order statistics of the last durations of one thing; nothing is allocated after construction. */
public class LatencyStats(window: Int = 120) {
    private val durationsMs = DoubleArray(window)
    private val sortedMs = DoubleArray(window)
    private var added = 0L

    /** How many durations the statistics are of. */
    public val count: Int get() = minOf(added, durationsMs.size.toLong()).toInt()

    public val p50Ms: Double get() = percentileMs(50)
    public val p90Ms: Double get() = percentileMs(90)

    public fun add(durationNs: Long) {
        durationsMs[(added++ % durationsMs.size).toInt()] = durationNs / 1e6
    }

    /** Linearly interpolated between samples, as in `topformer.benchmarks.protocol.statistics`; NaN before the first. */
    public fun percentileMs(percent: Int): Double {
        if (count == 0) return Double.NaN
        durationsMs.copyInto(sortedMs, endIndex = count)
        sortedMs.sort(0, count)
        val position = percent / 100.0 * (count - 1)
        val below = position.toInt()
        val above = minOf(below + 1, count - 1)
        return sortedMs[below] + (position - below) * (sortedMs[above] - sortedMs[below])
    }

    public fun clear() {
        added = 0
    }
}

/** Frames a second over the last frames; nothing is allocated after construction. */
public class FrameRate(window: Int = 30) {
    private val timesNs = LongArray(window)
    private var added = 0L

    /** Notes a frame at a time of [System.nanoTime]'s clock. */
    public fun add(timeNs: Long) {
        timesNs[(added++ % timesNs.size).toInt()] = timeNs
    }

    /** Zero before the second frame. */
    public val perSecond: Double
        get() {
            val count = minOf(added, timesNs.size.toLong()).toInt()
            if (count < 2) return 0.0
            val newest = timesNs[((added - 1) % timesNs.size).toInt()]
            val oldest = timesNs[((added - count) % timesNs.size).toInt()]
            return if (newest > oldest) (count - 1) * 1e9 / (newest - oldest) else 0.0
        }

    public fun clear() {
        added = 0
    }
}
