package io.topformer.core

import kotlin.random.Random
import kotlin.test.Test
import kotlin.test.assertContentEquals
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertTrue

class LabellerTest {
    @Test
    fun `labels are Python's, ties and numbers that are none included`() {
        for (case in Vectors.labels) {
            val (classes, height, width) = case.shape
            val labels = ShortArray(case.height * case.width)
            Labeller(classes, height, width, case.height, case.width).label(case.logits.floats(), labels)
            assertContentEquals(case.labels.shorts(), labels, case.name)
        }
    }

    @Test
    fun `any logits at any size are labelled as by interpolating everything`() {
        val random = Random(2)
        repeat(600) {
            val classes = random.nextInt(1, 25)
            val (height, width) = List(2) { random.nextInt(1, 10) }
            val (outHeight, outWidth) = List(2) { random.nextInt(1, if (random.nextBoolean()) 13 else 91) }
            val kind = Kind.entries.random(random)
            val logits = kind.draw(classes * height * width, random)
            val found = ShortArray(outHeight * outWidth)
            Labeller(classes, height, width, outHeight, outWidth).label(logits, found)
            val naive = NaiveLabels(classes, height, width, outHeight, outWidth)
            naive.assertEqualButForTies(logits, found, "$kind [$classes, $height, $width] at $outHeight x $outWidth")
        }
    }

    @Test
    fun `a labeller keeps nothing of the picture before`() {
        val random = Random(3)
        val labeller = Labeller(9, 6, 7, 50, 60)
        val kinds = listOf(Kind.NORMAL, Kind.MIXED, Kind.TIED, Kind.CONSTANT, Kind.NORMAL)
        for (kind in kinds) {
            val logits = kind.draw(9 * 6 * 7, random)
            val expected = ShortArray(50 * 60).also { Labeller(9, 6, 7, 50, 60).label(logits, it) }
            val found = ShortArray(50 * 60) { -1 }.also { labeller.label(logits, it) }
            assertContentEquals(expected, found, "$kind")
        }
    }

    @Test
    fun `few candidates are left on smooth logits`() {
        // The point of the method: most cells are won by one class, some by a few.
        val (classes, side) = 150 to 56
        val random = Random(4)
        val slopes = FloatArray(classes * 3) { random.nextFloat() - 0.5f }
        val logits = FloatArray(classes * side * side) {
            val (number, place) = it / (side * side) to it % (side * side)
            val down = slopes[classes + number] * (place / side) / side
            val across = slopes[2 * classes + number] * (place % side) / side
            slopes[number] + down + across
        }
        val candidates = Candidates(classes, side, side)
        var left = 0
        for (row in 0 until side) {
            candidates.search(logits, row)
            for (column in 0 until side) left += candidates.count(column)
        }
        assertTrue(left in side * side + 1..2 * side * side, "$left candidates in ${side * side} cells")
    }

    @Test
    fun `what has no labels is refused`() {
        val labeller = Labeller(2, 3, 4, 5, 6)
        val refused = listOf<() -> Unit>(
            { Labeller(0, 3, 4, 5, 6) },
            { Labeller(65536, 3, 4, 5, 6) },
            { Labeller(2, 3, 4, 0, 6) },
            { Labeller(2, 3, -1, 5, 6) },
            { labeller.label(FloatArray(23), ShortArray(30)) },
            { labeller.label(FloatArray(24), ShortArray(31)) },
        )
        for (call in refused) assertFailsWith<IllegalArgumentException> { call() }
    }
}

private enum class Kind {
    NORMAL, TIED, CONSTANT, ONE_CLASS, INFINITE, NAN, MIXED, HUGE;

    fun draw(count: Int, random: Random): FloatArray = FloatArray(count) {
        val value = random.nextFloat() * 6 - 3
        val chance = random.nextFloat()
        when {
            this in listOf(INFINITE, MIXED) && chance < 0.1f -> Float.POSITIVE_INFINITY
            this in listOf(INFINITE, MIXED) && chance > 0.9f -> Float.NEGATIVE_INFINITY
            this in listOf(NAN, MIXED) && chance in 0.46f..0.54f -> Float.NaN
            this == TIED -> (value / 2).toInt().toFloat()
            this == CONSTANT -> 0.1f
            this == ONE_CLASS && it < count / 3 -> value + 100
            this == HUGE -> value * (Float.MAX_VALUE / 24)
            else -> value
        }
    }
}
