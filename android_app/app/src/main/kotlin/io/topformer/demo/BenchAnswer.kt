package io.topformer.demo

import io.topformer.core.BoxDecoder
import io.topformer.core.Boxes
import io.topformer.core.Detection
import io.topformer.core.Labeller
import io.topformer.core.ModelManifest

/** What a bench makes of outputs, at the input's size, and that in the runner's bytes. */
interface BenchAnswer {
    /** Of what it is made, as in "labels". */
    val noun: String

    fun make(outputs: List<FloatArray>)

    fun bytes(): ByteArray
}

fun benchAnswerOf(manifest: ModelManifest): BenchAnswer =
    manifest.detection?.let { BoxesAnswer(manifest, it) } ?: LabelsAnswer(manifest)

private class LabelsAnswer(manifest: ModelManifest) : BenchAnswer {
    private val labeller = with(manifest) { Labeller(classCount, outputHeight, outputWidth, inputHeight, inputWidth) }
    private val labels = ShortArray(manifest.inputHeight * manifest.inputWidth)
    override val noun = "labels"

    override fun make(outputs: List<FloatArray>) = labeller.label(outputs[0], labels)

    override fun bytes(): ByteArray = littleEndian(labels.size * Short.SIZE_BYTES) { it.asShortBuffer().put(labels) }
}

private class BoxesAnswer(manifest: ModelManifest, detection: Detection) : BenchAnswer {
    private val decoder = with(manifest) { BoxDecoder(detection, classCount, inputHeight, inputWidth) }
    private val boxes = Boxes(detection.mostBoxes)
    override val noun = "boxes"

    override fun make(outputs: List<FloatArray>) = decoder.decode(outputs, boxes)

    override fun bytes(): ByteArray = littleEndian(boxes.size * BOX_BYTES) { buffer ->
        for (i in 0 until boxes.size) {
            for (side in 0 until 4) buffer.putFloat(boxes.corners[4 * i + side])
            buffer.putFloat(boxes.scores[i]).putInt(boxes.labels[i])
        }
    }

    private companion object {
        const val BOX_BYTES = 6 * Float.SIZE_BYTES
    }
}
