package io.topformer.core

/** How the pixels along one side of the labels lie between the logits of that side, in runs within one cell. */
internal class LabelAxis(logits: Int, pixels: Int) {
    /** Runs of cell `i` are those from `runsOfCell[i]` up to `runsOfCell[i + 1]`. */
    val runsOfCell = IntArray(logits + 1)

    /** The first pixel of each run; one more entry ends the last run. */
    val start: IntArray

    /** Per pixel, the weight of the second of the two logits that it lies between. */
    val share = FloatArray(pixels)

    /** How far it is from the first logit of a cell to the second: 0 at the border, else 1. */
    private val step = IntArray(logits) { if (logits == pixels || it == logits - 1) 0 else 1 }

    init {
        val scale = (logits.toFloat() / pixels.toFloat()).toDouble()
        val starts = ArrayList<Int>()
        var cellBefore = -1
        for (pixel in 0 until pixels) {
            // As torch, which multiplies, subtracts and rounds once (aten/src/ATen/native/UpSample.h): float64, rounded
            // at the end, gives the same bits.
            val position = maxOf((scale * (pixel + 0.5) - 0.5).toFloat(), 0f)
            val cell = minOf(position.toInt(), logits - 1)
            share[pixel] = position - cell
            if (cell != cellBefore || pixel - starts.last() == LONGEST_RUN_PX) {
                starts += pixel
                runsOfCell[cell + 1]++
                cellBefore = cell
            }
        }
        starts += pixels
        start = starts.toIntArray()
        for (cell in 0 until logits) runsOfCell[cell + 1] += runsOfCell[cell]
    }

    /** The second logit of a cell, for its pixels; where nothing is to be resized, none but the first counts. */
    fun second(cell: Int): Int = cell + step[cell]

    companion object {
        const val LONGEST_RUN_PX = 16
    }
}
