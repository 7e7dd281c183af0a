package io.topformer.demo

import android.graphics.BitmapFactory
import android.net.Uri
import io.topformer.segmenter.Segmenter
import org.robolectric.annotation.Config
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFalse
import kotlin.test.assertIs
import kotlin.test.assertTrue

/** From a file's pixels to labels, the app says what `topformer predict` says. */
@Config(application = OnnxApplication::class)
class LabelsTest : AppTest() {
    @Test
    fun `the labels of a picture are Python's`() {
        val frame = readPicture(phone.application.contentResolver, Uri.fromFile(RealModel.picture))
        val expected = RealModel.expectedLabels()
        val equal = shareOfEqual(expected, labels(run(frame)).labels)
        // The export's own gate; two runtimes may settle a tie differently.
        assertTrue(equal >= 0.9999, "Only $equal of the labels are equal.")
        assertTrue(expected.toSet().size >= 4, "The picture is too plain to prove anything.")
    }

    @Test
    fun `a frame of the camera has the labels of the same picture from a file`() {
        val upright = leftOf(BitmapFactory.decodeFile(RealModel.picture.path), 480, 640)
        val pixels = IntArray(480 * 640).also { upright.getPixels(it, 0, 480, 0, 0, 480, 640) }
        val camera = Result()
        val file = Result()
        pipeline { pipeline ->
            val frame = emptyYuvFrame().apply { wrap(FakeImage.of(lying(upright)).image) }
            pipeline.prepare(frame, turnDegrees = 90, mirror = false, timestampNs = 7)
            assertTrue(pipeline.runNewest(camera))
            assertFalse(pipeline.runNewest(camera), "It is run a second time.")
            pipeline.run(StillFrame(pixels, 480, 640), labels(camera).width, labels(camera).height, file)
        }
        assertEquals(listOf(7L, 480L, 640L), listOf(camera.timestampNs, camera.pictureWidth.toLong(), camera.pictureHeight.toLong()))
        val equal = shareOfEqual(labels(file).labels, labels(camera).labels)
        assertTrue(equal > 0.98, "Only $equal of the labels are equal.")
    }

    @Test
    fun `the check at start sees a model that computes something else`() {
        val ready = ready()
        val right = OnnxSegmenter(ready.file, ready.manifest, threads = 1)
        val wrong = object : Segmenter by right {
            override fun run(number: Int) = right.run(number).onEach { logits -> for (i in logits.indices) logits[i] *= 1.001f }
        }
        Pipeline(ready.manifest, wrong, phone.application.clock).use { assertIs<SelfCheck.Differs>(SelfCheck.run(it, ready.golden)) }
    }

    private fun run(frame: StillFrame): Result {
        val result = Result()
        pipeline { it.run(frame, frame.width, frame.height, result) }
        return result
    }

    private fun pipeline(action: (Pipeline) -> Unit) {
        val ready = ready()
        Pipeline(ready.manifest, OnnxSegmenter(ready.file, ready.manifest, threads = 1), phone.application.clock).use {
            assertIs<SelfCheck.Passed>(SelfCheck.run(it, ready.golden))
            action(it)
        }
    }

    private fun labels(result: Result) = assertIs<FoundLabels>(result.findings)

    private fun shareOfEqual(one: ShortArray, other: ShortArray): Double {
        assertEquals(one.size, other.size)
        return one.indices.count { one[it] == other[it] } / one.size.toDouble()
    }

    private fun ready(): ReadyModel {
        RealModel.install(phone.application)
        return ModelStore(phone.application, "none").list().single().prepare()
    }
}
