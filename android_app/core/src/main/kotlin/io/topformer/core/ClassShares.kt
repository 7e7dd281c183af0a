package io.topformer.core

/** How much of a label picture each class covers. */
public class ClassShares(classCount: Int) {
    private val counts = IntArray(classCount)
    private var total = 0

    /** Counts the labels of a new picture; throws [IndexOutOfBoundsException] for a label that is no class. */
    public fun count(labels: ShortArray) {
        counts.fill(0)
        for (label in labels) counts[label.toInt() and 0xFFFF]++
        total = labels.size
    }

    /** Share of the picture that a class covers, from 0 to 1. */
    public fun shareOf(classId: Int): Float = if (total == 0) 0f else counts[classId].toFloat() / total
}
