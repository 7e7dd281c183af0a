package io.topformer.demo

import android.graphics.Bitmap
import io.topformer.core.ManifestReader
import io.topformer.core.Newest
import io.topformer.segmenter.Segmenter
import java.nio.FloatBuffer
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertTrue

/** From the camera's image to its labels, nothing of the app's own is left for the garbage collector. */
class AllocationTest : AppTest() {
    // Tests are compiled against Android's own Java, which counts no bytes; the JVM that they run on does.
    private val threads = Class.forName("java.lang.management.ManagementFactory").getMethod("getThreadMXBean")(null)
    private val allocatedBytes = Class.forName("com.sun.management.ThreadMXBean").getMethod("getCurrentThreadAllocatedBytes")
    private val manifest = ManifestReader.read(TestModel.manifest().toByteArray())
    private val results = Newest(List(3) { Result() })

    @Test
    fun `an image of the camera`() {
        // The image and its planes are Android's, and new for each frame on a phone.
        val planes = FakeImage.of(Bitmap.createBitmap(160, 120, Bitmap.Config.ARGB_8888)).image.planes
        val frame = emptyYuvFrame()
        pipeline { pipeline ->
            assertNone {
                frame.wrap(160, 120, planes)
                pipeline.prepare(frame, turnDegrees = 90, mirror = true, timestampNs = 1)
                show { pipeline.runNewest(it) }
            }
        }
    }

    @Test
    fun `a still picture`() {
        val still = StillFrame(IntArray(160 * 120) { it * 40503 }, 160, 120)
        pipeline { pipeline ->
            assertNone {
                val scale = fitScale(still.width, still.height, 300, 400)
                show { pipeline.run(still, scaled(still.width, scale), scaled(still.height, scale), it) }
            }
        }
    }

    @Test
    fun `boxes in an image of the camera`() {
        val planes = FakeImage.of(Bitmap.createBitmap(160, 120, Bitmap.Config.ARGB_8888)).image.planes
        val frame = emptyYuvFrame()
        val manifest = ManifestReader.read(TestDetector.manifest().toByteArray())
        val boxes = List(9) { FakeBox(it % 3, 0.9f, it * 0.1f, 0.2f, it * 0.1f + 0.2f, 0.5f) }
        Pipeline(manifest, FixedSegmenter(FakeDetector(manifest) { boxes }), phone.application.clock).use { pipeline ->
            assertNone {
                frame.wrap(160, 120, planes)
                pipeline.prepare(frame, turnDegrees = 90, mirror = true, timestampNs = 1)
                show { pipeline.runNewest(it) }
            }
        }
    }

    @Test
    fun `an allocation would be seen`() {
        var kept = IntArray(0)
        assertTrue(bytesARun { kept = IntArray(4) } >= 16)
        assertEquals(4, kept.size)
    }

    private inline fun show(fill: (Result) -> Unit) {
        val result = checkNotNull(results.take())
        fill(result)
        results.publish(result)
        results.giveBack(checkNotNull(results.use()))
    }

    private fun pipeline(action: (Pipeline) -> Unit) =
        Pipeline(manifest, FixedSegmenter(FakeSegmenter(manifest)), phone.application.clock).use(action)

    private fun assertNone(run: () -> Unit) = assertEquals(0L, bytesARun(run), "Bytes are allocated for each frame.")

    private fun bytesARun(run: () -> Unit): Long {
        repeat(20) { run() }
        // Of some rounds the least counts: the JVM links code at any time, on this thread.
        return List(5) {
            val before = allocatedBytes(threads) as Long
            repeat(RUNS) { run() }
            (allocatedBytes(threads) as Long - before) / RUNS
        }.min()
    }

    private class FixedSegmenter(fake: Segmenter) : Segmenter {
        private val outputs = fake.run(0)
        override val inputs: List<FloatBuffer> = fake.inputs

        override fun run(number: Int) = outputs

        override fun close() = Unit
    }

    private companion object {
        const val RUNS = 50
    }
}
