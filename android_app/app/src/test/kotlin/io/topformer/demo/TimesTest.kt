package io.topformer.demo

import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertTrue

class TimesTest {
    private val times = Times()

    private fun draw(number: Int, wholeMs: Long) {
        val nowNs = number * 40_000_000L
        val timings = Timings().apply {
            arrivedNs = nowNs - wholeMs * 1_000_000
            preprocessNs = 3_000_000
            executeNs = 21_000_000
            postprocessNs = 4_000_000
        }
        times.add(timings, nowNs)
    }

    @Test
    fun `milliseconds are from a frame's coming to its drawing, and frames a second are those drawn`() {
        repeat(30) { draw(it, wholeMs = if (it % 5 == 4) 60 else 35) }
        assertEquals(25.0, times.rate.perSecond, 1e-9)
        assertEquals(35.0, times.whole.p50Ms)
        assertEquals(60.0, times.whole.p90Ms)
        assertTrue(times.whole.p50Ms >= times.preprocess.p50Ms + times.execute.p50Ms + times.postprocess.p50Ms)
    }

    @Test
    fun `another model's times are its own`() {
        repeat(30) { draw(it, wholeMs = 35) }
        times.clear()
        assertEquals(0.0, times.rate.perSecond)
        draw(1, wholeMs = 50)
        assertEquals(50.0, times.whole.p90Ms)
        assertEquals(3.0, times.preprocess.p50Ms)
    }
}
