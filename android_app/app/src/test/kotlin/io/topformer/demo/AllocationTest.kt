package io.topformer.demo

import io.topformer.core.ManifestReader
import io.topformer.core.ModelManifest
import io.topformer.core.Preprocessor
import io.topformer.core.UprightPixels
import io.topformer.core.YuvFrame
import io.topformer.core.YuvPlane
import io.topformer.segmenter.Segmenter
import java.nio.ByteBuffer
import java.nio.FloatBuffer
import kotlin.test.Test
import kotlin.test.assertEquals

/** From a frame to the labels on the screen, nothing is left for the garbage collector. */
class AllocationTest : AppTest() {
    // Tests are compiled against Android's own Java, which counts no bytes; the JVM that they run on does.
    private val threads = Class.forName("java.lang.management.ManagementFactory").getMethod("getThreadMXBean")(null)
    private val allocatedBytes = Class.forName("com.sun.management.ThreadMXBean").getMethod("getCurrentThreadAllocatedBytes")
    private val manifest = ManifestReader.read(TestModel.manifest().toByteArray())

    @Test
    fun `a camera frame`() = assertNone(object : Frame {
        private val yuv = YuvFrame(160, 120, plane(160, 120, 1), plane(80, 60, 2), plane(80, 60, 2))
        override val width = 120
        override val height = 160

        override fun writeTensor(preprocessor: Preprocessor, out: FloatBuffer) = preprocessor.fromYuv(yuv, 90, true, out)

        override fun writePixels(upright: UprightPixels, out: IntArray) {
            upright.load(yuv, 90, true)
            upright.write(out)
        }

        override fun close() = Unit
    })

    @Test
    fun `a still picture`() = assertNone(StillFrame(IntArray(160 * 120) { it * 40503 }, 160, 120))

    private fun assertNone(frame: Frame) {
        val slots = ResultSlots()
        Pipeline(manifest, FixedSegmenter(manifest)).use { pipeline ->
            val run = {
                val scale = fitScale(frame.width, frame.height, 300, 400)
                val result = slots.take()
                pipeline.run(frame, scaled(frame.width, scale), scaled(frame.height, scale), result)
                slots.publish(result)
                slots.show()
            }
            repeat(20) { run() }
            // Of some rounds the least counts: the JVM links code at any time, on this thread.
            val bytes = List(5) {
                val before = allocatedBytes(threads) as Long
                repeat(RUNS) { run() }
                (allocatedBytes(threads) as Long - before) / RUNS
            }.min()
            assertEquals(0, bytes, "Bytes are allocated for each frame.")
        }
    }

    private fun plane(width: Int, height: Int, pixelStride: Int) =
        YuvPlane(ByteBuffer.allocateDirect(width * height * pixelStride), width * pixelStride, pixelStride)

    private class FixedSegmenter(manifest: ModelManifest) : Segmenter {
        private val logits = FakeSegmenter(manifest).run()
        override val input: FloatBuffer = FloatBuffer.allocate(3 * manifest.inputHeight * manifest.inputWidth)

        override fun run() = logits

        override fun close() = Unit
    }

    private companion object {
        const val RUNS = 50
    }
}
