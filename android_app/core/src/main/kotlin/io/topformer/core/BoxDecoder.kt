package io.topformer.core

import kotlin.math.exp

/**
 * A detector's outputs to boxes, by the method of `topformer/boxes.py` and in its order: equal scores go by level, row,
 * column, anchor and class. Numbers are float32 in its operations; only the exponential may round otherwise.
 *
 * Of each level the best candidates are kept in a heap; they are decoded one by one, the best of all levels next, until
 * there are as many boxes as may be.
 *
 * Nothing is allocated after construction. Not for several threads.
 */
public class BoxDecoder(
    private val detection: Detection,
    classes: Int,
    private val inputHeight: Int,
    private val inputWidth: Int,
) {
    private val levels = detection.levels.map { level ->
        LevelCandidates(
            level,
            classes,
            placesAlong(inputHeight, level.stride).toInt(),
            placesAlong(inputWidth, level.stride).toInt(),
            detection,
        )
    }
    private val box = FloatArray(4)

    /** Fills [out] from all outputs: of each level the logits, then of each the offsets. */
    public fun decode(outputs: List<FloatArray>, out: Boxes) {
        require(outputs.size == 2 * levels.size) { "There are ${outputs.size} outputs, not ${2 * levels.size}." }
        for (i in levels.indices) levels[i].search(outputs[i], outputs[levels.size + i])
        out.clear()
        while (out.size < detection.mostBoxes) {
            val level = best() ?: return
            val label = level.label
            level.decode(box)
            if (!out.cover(box, label, detection.nmsIou)) out.add(box, 0, level.score, label)
            level.goOn()
        }
    }

    // The first of equal ones.
    private fun best(): LevelCandidates? {
        var found: LevelCandidates? = null
        for (i in levels.indices) {
            val level = levels[i]
            if (level.hasNext && (found == null || level.score > found.score)) found = level
        }
        return found
    }

    /** Source of the formula: torchvision 0.29, `models/detection/_utils.py`, `BoxCoder.decode_single`. */
    private fun LevelCandidates.decode(out: FloatArray) {
        for (axis in 0..1) {
            val limit = (if (axis == 0) inputWidth else inputHeight).toFloat()
            val start = anchor(axis)
            val extent = anchor(axis + 2) - start
            val centre = start + 0.5f * extent + offset(axis) * extent
            val half = 0.5f * exp(minOf(offset(axis + 2), detection.largestLogScale)) * extent
            out[axis] = (centre - half).coerceIn(0f, limit)
            out[axis + 2] = (centre + half).coerceIn(0f, limit)
        }
    }
}
