package io.topformer.core

/** The classes that may win somewhere in each cell of one row, a cell being the patch of pixels between four logits. */
internal class Candidates(private val classes: Int, private val height: Int, private val width: Int) {
    // The largest of all classes' smallest corners.
    private val bounds = FloatArray(width)
    private val counts = IntArray(width)

    // [column * classes + i], ascending.
    private val numbers = ShortArray(width * classes)

    fun count(column: Int): Int = counts[column]

    fun number(column: Int, i: Int): Int = numbers[column * classes + i].toInt() and 0xFFFF

    /** Makes every class a candidate everywhere, for logits that can't be compared. */
    fun takeAll() {
        counts.fill(classes)
        for (i in numbers.indices) numbers[i] = (i % classes).toShort()
    }

    /** Finds the candidates of one row of cells of finite [logits]. */
    fun search(logits: FloatArray, row: Int) {
        val below = if (row == height - 1) 0 else width
        raiseBounds(logits, row, below)
        findPossible(logits, row, below)
        for (column in 0 until width) if (counts[column] > 1) dropBeaten(logits, row, column)
    }

    private fun raiseBounds(logits: FloatArray, row: Int, below: Int) {
        bounds.fill(Float.NEGATIVE_INFINITY)
        for (number in 0 until classes) {
            val start = (number * height + row) * width
            var left = smaller(logits[start], logits[start + below])
            for (column in 0 until width) {
                val next = start + minOf(column + 1, width - 1)
                val right = smaller(logits[next], logits[next + below])
                bounds[column] = larger(bounds[column], smaller(left, right))
                left = right
            }
        }
    }

    // A class is possible in a cell when its largest corner reaches the bound.
    private fun findPossible(logits: FloatArray, row: Int, below: Int) {
        counts.fill(0)
        for (number in 0 until classes) {
            val start = (number * height + row) * width
            var left = larger(logits[start], logits[start + below])
            for (column in 0 until width) {
                val next = start + minOf(column + 1, width - 1)
                val right = larger(logits[next], logits[next + below])
                if (larger(left, right) >= bounds[column]) {
                    numbers[column * classes + counts[column]++] = number.toShort()
                }
                left = right
            }
        }
    }

    /** Drops the candidates that the cell's best one, by its smallest corner, beats at all corners. */
    private fun dropBeaten(logits: FloatArray, row: Int, column: Int) {
        val right = if (column == width - 1) 0 else 1
        val below = if (row == height - 1) 0 else width
        val start = row * width + column
        val plane = height * width

        // The last of equal ones, as in Python: who is dropped decides who wins where rounding makes ties.
        var best = start
        var bestSmallest = Float.NEGATIVE_INFINITY
        for (i in 0 until counts[column]) {
            val at = number(column, i) * plane + start
            val smallest = smaller(
                smaller(logits[at], logits[at + right]),
                smaller(logits[at + below], logits[at + below + right]),
            )
            if (smallest >= bestSmallest) {
                bestSmallest = smallest
                best = at
            }
        }
        var kept = 0
        for (i in 0 until counts[column]) {
            val number = number(column, i)
            val at = number * plane + start
            val beaten = logits[at] < logits[best] &&
                logits[at + right] < logits[best + right] &&
                logits[at + below] < logits[best + below] &&
                logits[at + below + right] < logits[best + below + right]
            if (!beaten) numbers[column * classes + kept++] = number.toShort()
        }
        counts[column] = kept
    }
}

// Unlike minOf and maxOf these need not care for NaN or the sign of zero.
private fun smaller(a: Float, b: Float) = if (a < b) a else b

private fun larger(a: Float, b: Float) = if (a > b) a else b
