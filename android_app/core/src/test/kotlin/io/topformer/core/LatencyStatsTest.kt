package io.topformer.core

import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertTrue

class LatencyStatsTest {
    private fun stats(window: Int, vararg ms: Int) =
        LatencyStats(window).apply { for (each in ms) add(each * 1_000_000L) }

    @Test
    fun `percentiles are interpolated as numpy does`() {
        val stats = stats(10, 40, 10, 30, 20)
        assertEquals(25.0, stats.p50Ms)
        assertEquals(37.0, stats.p90Ms, 1e-9)
        assertEquals(10.0, stats.percentileMs(0))
        assertEquals(40.0, stats.percentileMs(100))
        assertEquals(4, stats.count)
    }

    @Test
    fun `only the last samples count`() {
        val stats = stats(3, 1, 500, 7, 9, 8)
        assertEquals(3, stats.count)
        assertEquals(7.0, stats.percentileMs(0))
        assertEquals(8.0, stats.p50Ms)
        assertEquals(9.0, stats.percentileMs(100))
    }

    @Test
    fun `one sample, none, and none again`() {
        val stats = stats(5, 3)
        assertEquals(3.0, stats.p90Ms)
        stats.clear()
        assertEquals(0, stats.count)
        assertTrue(stats.p50Ms.isNaN())
    }

    @Test
    fun `frames a second are those of the last frames`() {
        val rate = FrameRate(window = 4)
        assertEquals(0.0, rate.perSecond)
        rate.add(0)
        assertEquals(0.0, rate.perSecond)
        rate.add(1_000_000_000)
        assertEquals(1.0, rate.perSecond)
        for (frame in 1..10) rate.add(1_000_000_000 + frame * 50_000_000L)
        assertEquals(20.0, rate.perSecond, 1e-9)
        rate.clear()
        assertEquals(0.0, rate.perSecond)
    }

    @Test
    fun `a clock that stands still gives no rate`() {
        val rate = FrameRate()
        repeat(3) { rate.add(5) }
        assertEquals(0.0, rate.perSecond)
    }
}
