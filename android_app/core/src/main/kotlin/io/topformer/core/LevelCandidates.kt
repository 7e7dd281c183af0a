package io.topformer.core

import kotlin.math.exp
import kotlin.math.ln

/** The best of one level's places, anchors and classes, and one of them after the other. */
internal class LevelCandidates(
    private val level: Detection.Level,
    private val classes: Int,
    height: Int,
    private val width: Int,
    detection: Detection,
) {
    private val channels = level.anchorCount * classes
    private val places = height * width
    private val threshold = detection.scoreThreshold.toFloat()
    private val stride = level.stride.toFloat()

    // A logit below which no score is as large, rounding included: most places end there.
    private val surelyBelow = detection.scoreThreshold.let {
        if (it > 0 && it < 1) (ln(it / (1 - it)) - 1e-3).toFloat() else Float.NEGATIVE_INFINITY
    }

    // The larger a key the better: above the bits of the score, below the distance of its place to the last there can be.
    // A heap with the least at its top while it is searched, then falling.
    private val keys = LongArray(minOf(detection.candidatesPerLevel, places * channels))
    private var count = 0
    private var next = 0
    private var offsets = FloatArray(0)

    /** Whether there is one more: [score], [label], [anchor] and [offset] are its. */
    val hasNext: Boolean get() = next < count
    val score: Float get() = Float.fromBits((keys[next] ushr 32).toInt())
    val label: Int get() = channel % classes

    // By row, column and channel, which is by anchor and class.
    private val index: Int get() = (LAST - (keys[next] and LAST)).toInt()
    private val channel: Int get() = index % channels
    private val place: Int get() = index / channels

    /** Left, top, right or bottom of its anchor. */
    fun anchor(side: Int): Float {
        val across = if (side % 2 == 0) place % width else place / width
        return level.anchors[4 * (channel / classes) + side] + across * stride
    }

    /** Of x, y, width or height. */
    fun offset(number: Int): Float = offsets[(4 * (channel / classes) + number) * places + place]

    fun goOn() {
        next++
    }

    /** Finds the best of logits [channels, height, width]; their offsets are [4 anchors, height, width]. */
    fun search(logits: FloatArray, offsets: FloatArray) {
        require(logits.size == channels * places) { "There are ${logits.size} logits, not ${channels * places}." }
        val expected = 4 * level.anchorCount * places
        require(offsets.size == expected) { "There are ${offsets.size} offsets, not $expected." }
        this.offsets = offsets
        count = 0
        next = 0
        for (channel in 0 until channels) {
            val start = channel * places
            for (place in 0 until places) {
                val logit = logits[start + place]
                if (logit > surelyBelow) consider(logit, place * channels + channel)
            }
        }
        sort()
    }

    private fun consider(logit: Float, index: Int) {
        val score = 1f / (1f + exp(-logit))
        if (score <= threshold) return
        val key = (score.toRawBits().toLong() shl 32) or (LAST - index)
        if (count < keys.size) raise(count++, key) else if (key > keys[0]) sink(key, count)
    }

    private fun raise(from: Int, key: Long) {
        var at = from
        while (at > 0 && keys[(at - 1) / 2] > key) {
            keys[at] = keys[(at - 1) / 2]
            at = (at - 1) / 2
        }
        keys[at] = key
    }

    /** Puts a key in the place of the least of a heap of [size]. */
    private fun sink(key: Long, size: Int) {
        var at = 0
        while (true) {
            var below = 2 * at + 1
            if (below >= size) break
            if (below + 1 < size && keys[below + 1] < keys[below]) below++
            if (keys[below] >= key) break
            keys[at] = keys[below]
            at = below
        }
        keys[at] = key
    }

    private fun sort() {
        for (end in count - 1 downTo 1) {
            val least = keys[0]
            sink(keys[end], end)
            keys[end] = least
        }
    }

    private companion object {
        const val LAST = 0xFFFFFFFFL
    }
}
