package io.topformer.core

import com.sun.management.ThreadMXBean
import java.lang.management.ManagementFactory
import java.nio.ByteBuffer
import java.nio.ByteOrder
import kotlin.test.Test
import kotlin.test.assertTrue

/** Whoever sees thirty frames a second must leave nothing to collect. */
class AllocationTest {
    private val threads = ManagementFactory.getThreadMXBean() as ThreadMXBean
    private val input = ByteBuffer.allocateDirect(4 * 3 * 64 * 96).order(ByteOrder.nativeOrder()).asFloatBuffer()
    private val preprocessor = Preprocessor(64, 96, floatArrayOf(1f, 2f, 3f), floatArrayOf(4f, 5f, 6f))
    private val frame = YuvFrame(160, 120, plane(160, 120, 1), plane(80, 60, 2), plane(80, 60, 2))

    @Test
    fun `camera frames are preprocessed without allocation`() {
        for (turn in listOf(0, 90, 180, 270)) assertNone { preprocessor.fromYuv(frame, turn, mirror = turn == 90, input) }
    }

    @Test
    fun `pictures are preprocessed without allocation`() {
        val pixels = IntArray(160 * 120) { it * 40503 }
        assertNone { preprocessor.fromArgb(pixels, 160, 120, input) }
    }

    @Test
    fun `logits become labels without allocation`() {
        val labeller = Labeller(7, 8, 12, 100, 150)
        val logits = FloatArray(7 * 8 * 12) { it * 2654435761L % 1000 / 100f }
        val out = ShortArray(100 * 150)
        val shares = ClassShares(7)
        val colours = LabelColours(IntArray(7) { it }, IntArray(7))
        val pixels = IntArray(100 * 150)
        assertNone {
            labeller.label(logits, out)
            shares.count(out)
            paintLabels(out, 150, 100, 1, colours, pixels)
        }
        val broken = logits.copyOf().also { it[5] = Float.NaN }
        assertNone { labeller.label(broken, out) }
    }

    @Test
    fun `a detector's outputs become boxes without allocation`() {
        val levels = listOf(8L to 5, 16L to 3).map { (stride, size) ->
            AnchorLevel(stride, List(size) { listOf(-8.0 - it, -4.0, 8.0, 4.0 + it) })
        }
        val decoder = BoxDecoder(Detection(DetectionInfo(levels, candidatesPerLevel = 50)), 7, 64, 96)
        val sizes = listOf(8 * 12 * 5 * 7, 4 * 6 * 3 * 7, 8 * 12 * 5 * 4, 4 * 6 * 3 * 4)
        val outputs = sizes.map { size -> FloatArray(size) { it * 2654435761L % 1000 / 200f - 3f } }
        val boxes = Boxes(100)
        assertNone { decoder.decode(outputs, boxes) }
        assertTrue(boxes.size > 10, "${boxes.size} boxes")
    }

    @Test
    fun `statistics are kept without allocation`() {
        val stats = LatencyStats(30)
        val rate = FrameRate(30)
        var sum = 0.0
        assertNone {
            stats.add(5_000_000)
            rate.add(System.nanoTime())
            sum += stats.p50Ms + rate.perSecond
        }
        assertTrue(sum > 0)
    }

    @Test
    fun `things are handed over, frames paired and placed without allocation`() {
        val newest = Newest(listOf("a", "b"))
        val pairing = FramePairing(6)
        val placement = Placement()
        val matrix = FloatArray(9)
        var time = 0L
        assertNone {
            newest.publish(checkNotNull(newest.take()))
            newest.giveBack(checkNotNull(newest.use()))
            pairing.add(time++)
            pairing.onLabels(time - 2)
            pairing.onFrame(time)
            placement.matrix(448, 448, 90, matrix)
        }
    }

    @Test
    fun `an allocation would be seen`() {
        var kept = IntArray(0)
        assertTrue(bytesARun { kept = IntArray(4) } >= 16)
        assertTrue(kept.size == 4)
    }

    private fun assertNone(action: () -> Unit) {
        val bytes = bytesARun(action)
        assertTrue(bytes < 1, "$bytes bytes are allocated each time.")
    }

    // The first runs make the buffers. Of some rounds the least counts: the JVM links code at any time, on this thread.
    private fun bytesARun(action: () -> Unit): Double {
        repeat(20) { action() }
        val runs = 50
        return List(5) {
            val before = threads.currentThreadAllocatedBytes
            repeat(runs) { action() }
            (threads.currentThreadAllocatedBytes - before).toDouble() / runs
        }.min()
    }

    private fun plane(width: Int, height: Int, pixelStride: Int): YuvPlane {
        val rowStride = width * pixelStride + 7
        val buffer = ByteBuffer.allocateDirect((height - 1) * rowStride + (width - 1) * pixelStride + 1)
        for (i in 0 until buffer.capacity()) buffer.put(i, (i * 31).toByte())
        return YuvPlane(buffer, rowStride, pixelStride)
    }
}
