package io.topformer.core

import kotlin.math.abs
import kotlin.math.ln
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertTrue

class BoxDecoderTest {
    @Test
    fun `boxes are Python's, in its order, equal scores and numbers that are none included`() {
        for (case in Vectors.boxes) {
            val boxes = Boxes(case.info.mostBoxes)
            decoder(case).decode(case.outputs.map { it.floats() }, boxes)
            assertEqual(case, boxes)
        }
    }

    @Test
    fun `a decoder keeps nothing of the picture before`() {
        val cases = Vectors.boxes.filter { it.info.mostBoxes == 100 && it.name in listOf("noise", "nothing found", "certain") }
        assertEquals(3, cases.size)
        // Of the same levels all.
        val decoder = decoder(cases[0])
        val boxes = Boxes(100)
        for (case in cases + cases.reversed()) {
            decoder.decode(case.outputs.map { it.floats() }, boxes)
            assertEqual(case, boxes)
        }
    }

    @Test
    fun `one box is where its offsets say`() {
        val level = AnchorLevel(stride = 16, anchors = listOf(listOf(-8.0, -4.0, 8.0, 4.0)))
        val decoder = BoxDecoder(Detection(DetectionInfo(listOf(level))), 2, 32, 48)
        val logits = FloatArray(2 * 2 * 3) { -9f }
        val offsets = FloatArray(4 * 2 * 3)
        // Of the second class, in the second row and the second column.
        logits[6 + 4] = ln(3f)
        listOf(0.25f, -0.5f, ln(2f), 0f).forEachIndexed { number, offset -> offsets[6 * number + 4] = offset }
        val boxes = Boxes(100)
        decoder.decode(listOf(logits, offsets), boxes)
        assertEquals(1, boxes.size)
        assertEquals(1, boxes.labels[0])
        assertTrue(abs(boxes.scores[0] - 0.75f) < 1e-6f)
        // 16 x 8 around (16, 16), moved by a quarter of 16 and back by half of 8, twice as wide.
        val expected = listOf(4f, 8f, 36f, 16f)
        assertTrue(expected.indices.all { abs(boxes.corners[it] - expected[it]) < 1e-4f }, "${boxes.corners.take(4)}")
    }

    @Test
    fun `outputs of other sizes are refused`() {
        val case = Vectors.boxes.first()
        val outputs = case.outputs.map { it.floats() }
        val wrong = listOf(outputs.drop(1), outputs + outputs.take(1), listOf(FloatArray(3)) + outputs.drop(1), outputs.dropLast(1) + FloatArray(3))
        for (other in wrong) assertFailsWith<IllegalArgumentException> { decoder(case).decode(other, Boxes(100)) }
    }

    private fun decoder(case: BoxVector) = BoxDecoder(Detection(case.info), case.classes, case.height, case.width)

    private fun assertEqual(case: BoxVector, found: Boxes) {
        assertEquals(case.labels, found.labels.take(found.size), case.name)
        // Exponentials may round otherwise.
        assertTrue(case.scores.indices.all { abs(case.scores[it] - found.scores[it]) < 2e-5f }, case.name)
        assertTrue(case.corners.indices.all { abs(case.corners[it] - found.corners[it]) < 2e-3f }, case.name)
    }
}
