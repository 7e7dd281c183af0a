package io.topformer.core

import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFalse
import kotlin.test.assertTrue

class FramePairingTest {
    private val pairing = FramePairing(7)
    private val frames = HashMap<Int, Long>()
    private var running = FramePairing.NOTHING_RUNS

    /** What is shown after a frame has come; null where that does not change. */
    private fun frame(time: Long): Long? {
        val slot = pairing.add(time)
        assertTrue(slot != pairing.shown, "What is shown is overwritten.")
        frames[slot] = time
        return if (pairing.onFrame(running)) frames[pairing.shown] else null
    }

    private fun labels(time: Long, next: Long): Long? {
        running = next
        return if (pairing.onLabels(time)) frames[pairing.shown] else null
    }

    private fun freeze(): Long? = if (pairing.onFreeze()) frames[pairing.shown] else null

    @Test
    fun `without a network the newest frame is shown as it comes`() {
        for (time in 1L..9) assertEquals(time, frame(time))
    }

    @Test
    fun `a frame is shown with its labels, and those that will have none after it, one by one`() {
        running = 10
        assertEquals(listOf(null, null), listOf(frame(10), frame(20)))
        // The network took the newest that was there: 20.
        assertEquals(10, labels(10, next = 20))
        assertEquals(null, frame(30))
        assertEquals(null, frame(40))
        assertEquals(20, labels(20, next = 40))
        assertEquals(30, frame(50))
        assertEquals(null, frame(60))
        assertEquals(40, labels(40, next = 60))
        assertEquals(40, pairing.shownNs)
    }

    @Test
    fun `a slow network holds the picture back for no longer than there are slots`() {
        running = 1
        assertEquals(listOf(null, null, null, 1L, 2L, 3L), (1L..6).map(::frame))
        // Its frame is gone by now; what is shown is not shown a second time.
        assertEquals(null, labels(1, next = 6))
        assertEquals(4, frame(7))
    }

    @Test
    fun `the picture stands still at the labels' own frame, and those that wait are never shown`() {
        running = 10
        (10L..30 step 10).forEach(::frame)
        assertEquals(10, labels(10, next = 30))
        assertEquals(20, frame(40))
        assertEquals(10, freeze())
        assertEquals(null, freeze())
        assertEquals(null, labels(30, next = 50))
        assertEquals(null, frame(50))
        assertEquals(50, labels(50, next = 60))
    }

    @Test
    fun `the labels' own frame is kept however long the network takes`() {
        running = 1
        (1L..40).forEach(::frame)
        assertEquals(null, labels(1, next = 40))
        (41L..80).forEach(::frame)
        assertEquals(1, freeze())
    }

    @Test
    fun `a camera that tells no times does not stop the picture`() {
        labels(0, next = 0)
        repeat(20) { assertEquals(0, frame(0)) }
    }

    @Test
    fun `labels of a frame that was not seen show the one before it`() {
        running = 10
        frame(10)
        frame(20)
        assertEquals(10, labels(15, next = 20))
    }

    @Test
    fun `frames of another clock do not stop the picture`() {
        labels(1_000_000, next = 1_000_100)
        for (time in 1L..9) assertEquals(time, frame(time))
        labels(-1_000_000, next = -900_000)
        assertEquals(listOf(null, null, null, 10L), (10L..13).map(::frame))
    }

    @Test
    fun `nothing is shown before the first frame`() {
        assertEquals(FramePairing.NONE, pairing.shown)
        assertFalse(pairing.onLabels(5))
        assertEquals(0, pairing.shownNs)
    }
}
