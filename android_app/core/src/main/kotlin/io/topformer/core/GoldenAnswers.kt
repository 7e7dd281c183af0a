package io.topformer.core

import kotlin.math.log10

/** What is expected of a model for one picture; each kind is of one task. */
internal sealed interface GoldenAnswers {
    /** Whether they are of a model with such outputs. */
    fun fit(manifest: ModelManifest): Boolean

    /** Signal-to-quantisation-noise ratio over the sampled outputs. */
    fun sqnrDb(outputs: List<FloatArray>): Double

    /** Share of the results that are as expected, ties forgiven. */
    fun agreement(outputs: List<FloatArray>, manifest: ModelManifest): Double
}

/** Logits, and labels with how far the best class leads the second. */
internal class LabelAnswers(
    private val classes: Int,
    private val logitsHeight: Int,
    private val logitsWidth: Int,
    private val tieMargin: Double,
    val logits: FloatArray,
    val labels: ShortArray,
    val margins: FloatArray,
) : GoldenAnswers {
    override fun fit(manifest: ModelManifest): Boolean = with(manifest) {
        detection == null && classes == classCount && logitsHeight == outputHeight && logitsWidth == outputWidth
    }

    override fun sqnrDb(outputs: List<FloatArray>): Double = sqnrDb(logits, outputs)

    override fun agreement(outputs: List<FloatArray>, manifest: ModelManifest): Double = with(manifest) {
        val found = ShortArray(inputHeight * inputWidth)
        Labeller(classes, logitsHeight, logitsWidth, inputHeight, inputWidth).label(outputs.single(), found)
        val missed = labels.indices.count { i ->
            labels[i] != found[position(i, found.size.toLong()).toInt()] && margins[i] > tieMargin
        }
        1.0 - missed.toDouble() / labels.size
    }
}

/** Logits and offsets of all levels, and all boxes. */
internal class BoxAnswers(
    private val classes: Int,
    private val levels: Int,
    private val tieScore: Double,
    val logits: FloatArray,
    val offsets: FloatArray,
    val boxes: Boxes,
) : GoldenAnswers {
    override fun fit(manifest: ModelManifest): Boolean = with(manifest) {
        classes == classCount && levels == detection?.levels?.size && boxes.size <= detection.mostBoxes
    }

    override fun sqnrDb(outputs: List<FloatArray>): Double =
        minOf(
            sqnrDb(logits, outputs.take(levels), LEAST_LOGIT_DEVIATION, LEAST_LOGIT),
            sqnrDb(offsets, outputs.drop(levels), LEAST_OFFSET_DEVIATION),
        )

    /** As `_agreeing` in `topformer/tasks/detection.py`: a score close to what decides is tied. */
    override fun agreement(outputs: List<FloatArray>, manifest: ModelManifest): Double {
        val detection = checkNotNull(manifest.detection)
        val found = Boxes(detection.mostBoxes)
        BoxDecoder(detection, classes, manifest.inputHeight, manifest.inputWidth).decode(outputs, found)
        val total = boxes.size + found.size
        if (total == 0) return 1.0
        val ours = BooleanArray(boxes.size)
        val theirs = BooleanArray(found.size)
        match(found, ours, theirs, detection.sameIou)
        val alone = alone(boxes, ours, detection) + alone(found, theirs, detection)
        return 1.0 - alone.toDouble() / maxOf(total, LEAST_BOXES)
    }

    /** Gives each box one partner of its class, the likelier first. */
    private fun match(found: Boxes, ours: BooleanArray, theirs: BooleanArray, sameIou: Float) {
        val first = widened(boxes.corners)
        val second = widened(found.corners)
        for (i in ours.indices) {
            var best = -1
            var bestOverlap = sameIou
            for (j in theirs.indices) {
                if (theirs[j] || found.labels[j] != boxes.labels[i]) continue
                val overlap = overlap(first, 4 * i, second, 4 * j)
                if (overlap > bestOverlap || best < 0 && overlap == sameIou) {
                    best = j
                    bestOverlap = overlap
                }
            }
            if (best < 0) continue
            ours[i] = true
            theirs[best] = true
        }
    }

    /** Half a pixel wider to each side: a box cut at the picture's edge may have no area. */
    private fun widened(corners: FloatArray) =
        FloatArray(corners.size) { corners[it] + if (it % 4 < 2) -0.5f else 0.5f }

    private fun alone(boxes: Boxes, hasPartner: BooleanArray, detection: Detection): Int {
        val isFull = boxes.size == detection.mostBoxes
        // The last is the least likely.
        val last = if (isFull) boxes.scores[boxes.size - 1].toDouble() else 0.0
        val limit = (maxOf(detection.scoreThreshold, last) + tieScore).toFloat()
        return hasPartner.indices.count { !hasPartner[it] && boxes.scores[it] > limit }
    }

    private companion object {
        // As in topformer/tasks/detection.py and topformer/detection.py.
        const val LEAST_BOXES = 20
        const val LEAST_LOGIT = -8.0
        const val LEAST_LOGIT_DEVIATION = 0.25
        const val LEAST_OFFSET_DEVIATION = 1e-3
    }
}

private const val SQNR_LIMIT_DB = 300.0

/**
 * Compares with what is found at the samples' places, outputs being one after the other.
 *
 * With [leastDeviation] the signal is what the samples deviate from their mean, or so much where that is less.
 * Numbers below [least] count as equal to it, but infinity.
 */
private fun sqnrDb(
    expected: FloatArray,
    outputs: List<FloatArray>,
    leastDeviation: Double? = null,
    least: Double = -Double.MAX_VALUE,
): Double {
    val size = outputs.sumOf { it.size.toLong() }
    val middle = if (leastDeviation == null) 0.0 else expected.sumOf { maxOf(it.toDouble(), least) } / expected.size
    var signal = 0.0
    var noise = 0.0
    for (i in expected.indices) {
        var at = position(i, size)
        val output = outputs.first { output -> (at < output.size).also { if (!it) at -= output.size } }
        val value = maxOf(expected[i].toDouble(), least)
        val found = output[at.toInt()].toDouble()
        val difference = value - if (found.isFinite()) maxOf(found, least) else found
        signal += (value - middle) * (value - middle)
        noise += difference * difference
    }
    leastDeviation?.let { signal = maxOf(signal, expected.size * it * it) }
    return when {
        !noise.isFinite() -> -SQNR_LIMIT_DB
        noise == 0.0 -> SQNR_LIMIT_DB
        else -> (10 * log10(signal / noise)).coerceIn(-SQNR_LIMIT_DB, SQNR_LIMIT_DB)
    }
}

/** Where sample [i] of an array of [size] elements was taken. */
private fun position(i: Int, size: Long): Long = i * 2654435761L % size
