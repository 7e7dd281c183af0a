package io.topformer.demo

import android.net.Uri
import io.topformer.segmenter.Segmenter
import org.junit.Rule
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.annotation.Config
import org.robolectric.annotation.GraphicsMode
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertIs
import kotlin.test.assertTrue

/** From a file's pixels to labels, the app says what `topformer predict` says. */
@RunWith(RobolectricTestRunner::class)
@GraphicsMode(GraphicsMode.Mode.NATIVE)
@Config(sdk = [35], application = OnnxApplication::class)
class LabelsTest {
    @get:Rule
    val phone = Phone()

    @Test
    fun `the labels of a picture are Python's`() {
        val result = run()
        val expected = RealModel.expectedLabels()
        assertEquals(expected.size, result.labels.size)
        val equal = expected.indices.count { expected[it] == result.labels[it] }
        // The export's own gate; two runtimes may settle a tie differently.
        assertTrue(equal >= expected.size * 0.9999, "Only $equal of ${expected.size} labels are equal.")
        assertTrue(expected.toSet().size >= 4, "The picture is too plain to prove anything.")
    }

    @Test
    fun `the check at start sees a model that computes something else`() {
        val ready = ready()
        val right = OnnxSegmenter(ready.file, ready.manifest, threads = 1)
        val wrong = object : Segmenter by right {
            override fun run() = right.run().also { logits -> for (i in logits.indices) logits[i] *= 1.001f }
        }
        Pipeline(ready.manifest, wrong).use { assertIs<SelfCheck.Differs>(SelfCheck.run(it, ready.golden)) }
    }

    private fun run(): Result {
        val ready = ready()
        val frame = readPicture(phone.application.contentResolver, Uri.fromFile(RealModel.picture))
        val result = Result()
        Pipeline(ready.manifest, OnnxSegmenter(ready.file, ready.manifest, threads = 1)).use {
            assertIs<SelfCheck.Passed>(SelfCheck.run(it, ready.golden))
            it.run(frame, frame.width, frame.height, result)
        }
        return result
    }

    private fun ready(): ReadyModel {
        RealModel.install(phone.application)
        return ModelStore(phone.application, "none").list().single().prepare()
    }
}
