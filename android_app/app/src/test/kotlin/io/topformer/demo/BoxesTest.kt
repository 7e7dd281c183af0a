package io.topformer.demo

import android.net.Uri
import org.json.JSONObject
import org.robolectric.annotation.Config
import kotlin.math.abs
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertIs
import kotlin.test.assertTrue

/** From a file's pixels to boxes, the app finds what `topformer predict` finds. */
@Config(application = OnnxApplication::class)
class BoxesTest : AppTest() {
    @Test
    fun `the boxes of a picture are Python's`() {
        val frame = readPicture(phone.application.contentResolver, Uri.fromFile(RealDetector.picture))
        val expected = RealDetector.expectedBoxes()
        val found = find(frame)
        assertTrue(expected.size > 20, "There are too few boxes to prove anything.")
        assertEquals(expected.size, found.count)
        for ((i, box) in expected.withIndex()) {
            assertEquals(box.getDouble("score"), found.boxes.scores[i].toDouble(), 1e-3)
            assertTrue(
                (0 until found.count).any { isSame(box, found, it, frame) },
                "Only Python finds ${box.getInt("category_id")} at ${box.getJSONArray("bbox")}.",
            )
        }
    }

    private fun find(frame: StillFrame): FoundBoxes {
        RealDetector.install(phone.application)
        val ready = ModelStore(phone.application, "none").list().single().prepare()
        val result = Result()
        Pipeline(ready.manifest, OnnxSegmenter(ready.file, ready.manifest, threads = 1), phone.application.clock).use {
            assertIs<SelfCheck.Passed>(SelfCheck.run(it, ready.golden))
            it.run(frame, frame.width, frame.height, result)
        }
        return assertIs<FoundBoxes>(result.findings)
    }

    /** Whether a box has the class and, within half a pixel of the picture, the sides. */
    private fun isSame(expected: JSONObject, found: FoundBoxes, i: Int, frame: StillFrame): Boolean {
        val (left, top, width, height) = expected.getJSONArray("bbox").let { List(4, it::getDouble) }
        val sides = listOf(
            left to found.left(i) * frame.width,
            top to found.top(i) * frame.height,
            left + width to found.right(i) * frame.width,
            top + height to found.bottom(i) * frame.height,
        )
        return found.boxes.labels[i] + 1 == expected.getInt("category_id") && sides.all { (one, other) -> abs(one - other) < HALF_PIXEL }
    }

    private companion object {
        const val HALF_PIXEL = 0.5
    }
}
