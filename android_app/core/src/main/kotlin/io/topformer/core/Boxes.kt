package io.topformer.core

/** The objects found in a picture, the likeliest first. Kept and filled again: only the first [size] count. */
public class Boxes(mostBoxes: Int) {
    /** Left, top, right and bottom of each in turn, in pixels of the network's input. */
    public val corners: FloatArray = FloatArray(4 * mostBoxes)

    /** From 0 to 1. */
    public val scores: FloatArray = FloatArray(mostBoxes)

    /** Class ids. */
    public val labels: IntArray = IntArray(mostBoxes)
    public var size: Int = 0
        private set

    internal fun clear() {
        size = 0
    }

    /** Adds a box, the first corner of which is at [at]. */
    internal fun add(corners: FloatArray, at: Int, score: Float, label: Int) {
        corners.copyInto(this.corners, 4 * size, at, at + 4)
        scores[size] = score
        labels[size++] = label
    }

    /** Whether a box of the class covers this one by more than [iou]. */
    internal fun cover(box: FloatArray, label: Int, iou: Float): Boolean {
        for (i in 0 until size) if (labels[i] == label && overlap(box, 0, corners, 4 * i) > iou) return true
        return false
    }
}

/**
 * Intersection over union of two boxes whose corners begin at a place of an array; 0 where neither has an area. As in
 * `topformer/boxes.py`, operation by operation.
 */
internal fun overlap(one: FloatArray, i: Int, other: FloatArray, j: Int): Float {
    val width = minOf(one[i + 2], other[j + 2]) - maxOf(one[i], other[j])
    val height = minOf(one[i + 3], other[j + 3]) - maxOf(one[i + 1], other[j + 1])
    val shared = maxOf(width, 0f) * maxOf(height, 0f)
    val union = area(one, i) + area(other, j) - shared
    return if (union > 0f) shared / union else 0f
}

private fun area(box: FloatArray, at: Int) = (box[at + 2] - box[at]) * (box[at + 3] - box[at + 1])
