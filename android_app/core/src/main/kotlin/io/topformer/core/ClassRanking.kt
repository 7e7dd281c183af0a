package io.topformer.core

import kotlin.math.exp

/**
 * The classes in view by their amounts, without flicker: amounts follow slowly, a class must come some way in before it
 * is listed, and must be clearly larger than another to pass it. Amounts are shares of the picture or numbers of boxes,
 * and [step] is what they are told to: what rounds to one comes in, and what is half of that goes. Nothing is allocated
 * after construction.
 */
public class ClassRanking(public val classCount: Int, public val step: Float) {
    private val smoothed = FloatArray(classCount)
    private val listed = IntArray(classCount)
    private var updatedMs = NEVER

    /** How many classes are listed. */
    public var size: Int = 0
        private set

    /** The class at a place of the list, the largest first. */
    public fun classAt(place: Int): Int = listed[place]

    /** A class's smoothed amount. */
    public fun amountOf(classId: Int): Float = smoothed[classId]

    /** Takes in the amounts in another picture, seen at a time in milliseconds. */
    public fun update(amounts: FloatArray, nowMs: Long) {
        val isFirst = updatedMs == NEVER
        val weight = if (isFirst) 1f else 1 - exp(-(nowMs - updatedMs).coerceAtLeast(0) / TIME_CONSTANT_MS)
        updatedMs = nowMs
        for (id in 0 until classCount) smoothed[id] += weight * (amounts[id] - smoothed[id])
        keep { smoothed[it] >= step / 4 }
        for (id in 0 until classCount) if (smoothed[id] >= step / 2 && !isListed(id)) listed[size++] = id
        sort(if (isFirst) 0f else step)
    }

    /** Forgets what was seen, for a picture that has nothing to do with the last. */
    public fun clear() {
        updatedMs = NEVER
        size = 0
        smoothed.fill(0f)
    }

    private fun isListed(classId: Int): Boolean {
        for (place in 0 until size) if (listed[place] == classId) return true
        return false
    }

    private inline fun keep(wanted: (Int) -> Boolean) {
        var kept = 0
        for (place in 0 until size) if (wanted(listed[place])) listed[kept++] = listed[place]
        size = kept
    }

    // By insertion: almost sorted as a rule. What was above stays there unless it is smaller by a margin.
    private fun sort(margin: Float) {
        for (place in 1 until size) {
            val id = listed[place]
            var target = place
            while (target > 0 && smoothed[listed[target - 1]] + margin < smoothed[id]) {
                listed[target] = listed[target - 1]
                target--
            }
            listed[target] = id
        }
    }

    private companion object {
        const val NEVER = Long.MIN_VALUE
        const val TIME_CONSTANT_MS = 600f
    }
}
