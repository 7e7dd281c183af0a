package io.topformer.demo

/**
 * A clock by which each frame takes as long as on some phone, so that kept screens show times that can be, and the same
 * ones each time. They are nobody's measurement.
 */
class TestClock : Clock {
    private var nowNs = 0L
    private var readings = 0

    /** Read once on the main thread when a frame is drawn, and on others when it comes and after each of its parts. */
    @Synchronized
    override fun nowNs(): Long {
        val slower = if (readings / PARTS_MS.size % 7 == 3) 1.3 else 1.0
        val ms = if (Thread.currentThread().name in THREADS) PARTS_MS[readings++ % PARTS_MS.size] else DRAWING_MS
        nowNs += (ms * slower * 1e6).toLong()
        return nowNs
    }

    private companion object {
        val THREADS = setOf("camera", "inference")

        // Until a frame comes, its input, waiting for the model, the model, labels.
        val PARTS_MS = listOf(14.7, 2.4, 0.2, 15.6, 1.6)
        const val DRAWING_MS = 1.2
    }
}
