package io.topformer.core

/**
 * Logits [classes, h, w] to labels at any size, exactly, by the method of `topformer/tasks/upsampling.py`.
 *
 * The labels are those of bilinear enlargement (pixel centres aligned) and argmax, ties going to the lower class and
 * NaN winning; they can differ only where the two best classes are equal but for rounding. Where a look at a cell's
 * corners leaves one class, that class has won the whole cell; elsewhere the few that are left are interpolated.
 *
 * Nothing is allocated after construction. Not for several threads. Throws [IllegalArgumentException] for sizes below 1
 * and for more than 65535 classes.
 */
public class Labeller(
    private val classes: Int,
    private val logitsHeight: Int,
    private val logitsWidth: Int,
    private val outHeight: Int,
    private val outWidth: Int,
) {
    init {
        require(classes in 1..65535) { "$classes classes don't fit into 16 bits." }
        require(minOf(logitsHeight, logitsWidth, outHeight, outWidth) > 0) { "Sides must be positive." }
    }

    private val rows = LabelAxis(logitsHeight, outHeight)
    private val columns = LabelAxis(logitsWidth, outWidth)
    private val candidates = Candidates(classes, logitsHeight, logitsWidth)

    // Of the classes entered so far, the largest value on each pixel of a patch.
    private val best = FloatArray(LabelAxis.LONGEST_RUN_PX * LabelAxis.LONGEST_RUN_PX)
    private val top = FloatArray(LabelAxis.LONGEST_RUN_PX)
    private val bottom = FloatArray(LabelAxis.LONGEST_RUN_PX)

    /** Fills [out], [outHeight, outWidth], with class ids as 16 bits without a sign. */
    public fun label(logits: FloatArray, out: ShortArray) {
        val expected = classes.toLong() * logitsHeight * logitsWidth
        require(logits.size.toLong() == expected) { "There are ${logits.size} logits instead of $expected." }
        require(out.size.toLong() == outHeight.toLong() * outWidth) {
            "${out.size} labels are not $outHeight x $outWidth."
        }
        val finite = allFinite(logits)
        if (!finite) candidates.takeAll()
        for (row in 0 until logitsHeight) {
            if (finite) candidates.search(logits, row)
            for (column in 0 until logitsWidth) labelCell(logits, row, column, out)
        }
    }

    private fun allFinite(logits: FloatArray): Boolean {
        // Zero times anything finite is zero.
        var sum = 0f
        for (logit in logits) sum += logit * 0f
        return sum == 0f
    }

    private fun labelCell(logits: FloatArray, row: Int, column: Int, out: ShortArray) {
        for (down in rows.runsOfCell[row] until rows.runsOfCell[row + 1]) {
            for (across in columns.runsOfCell[column] until columns.runsOfCell[column + 1]) {
                fill(down, across, candidates.number(column, 0).toShort(), out)
                if (candidates.count(column) == 1) continue
                best.fill(Float.NEGATIVE_INFINITY)
                for (i in 0 until candidates.count(column)) {
                    enter(logits, candidates.number(column, i), row, column, down, across, out)
                }
            }
        }
    }

    private fun fill(down: Int, across: Int, label: Short, out: ShortArray) {
        for (y in rows.start[down] until rows.start[down + 1]) {
            out.fill(label, y * outWidth + columns.start[across], y * outWidth + columns.start[across + 1])
        }
    }

    /** Interpolates one class on a patch, first along the rows and then between them as torch does. */
    private fun enter(logits: FloatArray, number: Int, row: Int, column: Int, down: Int, across: Int, out: ShortArray) {
        val plane = number * logitsHeight * logitsWidth
        val upper = plane + row * logitsWidth
        val lower = plane + rows.second(row) * logitsWidth
        val right = columns.second(column)
        val firstX = columns.start[across]
        val width = columns.start[across + 1] - firstX
        for (x in 0 until width) {
            val share = columns.share[firstX + x]
            top[x] = (1f - share) * logits[upper + column] + share * logits[upper + right]
            bottom[x] = (1f - share) * logits[lower + column] + share * logits[lower + right]
        }
        var place = 0
        for (y in rows.start[down] until rows.start[down + 1]) {
            val share = rows.share[y]
            val outStart = y * outWidth + firstX
            for (x in 0 until width) {
                val value = (1f - share) * top[x] + share * bottom[x]
                // The first of equal ones wins, and the first NaN before all, as in argmax.
                if (value > best[place] || (value.isNaN() && !best[place].isNaN())) {
                    best[place] = value
                    out[outStart + x] = number.toShort()
                }
                place++
            }
        }
    }
}
