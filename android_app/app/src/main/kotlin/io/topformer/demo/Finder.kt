package io.topformer.demo

import io.topformer.core.BoxDecoder
import io.topformer.core.ClassShares
import io.topformer.core.Detection
import io.topformer.core.LabelColours
import io.topformer.core.Labeller
import io.topformer.core.ModelManifest

/** From a network's outputs to what is found, one kind a task. For one thread at a time. */
interface Finder {
    /** Fills a result with what is found in its picture, seen at a size; labels are painted with the colours. */
    fun find(outputs: List<FloatArray>, width: Int, height: Int, colours: LabelColours, result: Result)
}

fun finderOf(manifest: ModelManifest): Finder =
    manifest.detection?.let { BoxFinder(manifest, it) } ?: LabelFinder(manifest)

private class LabelFinder(private val manifest: ModelManifest) : Finder {
    private val shares = ClassShares(manifest.classCount)

    // Live frames' labels have the input's size, a still picture's the screen's.
    private val inputSize = Size(manifest.inputWidth, manifest.inputHeight)
    private val atInputSize = labeller(inputSize)
    private var atOtherSize = atInputSize
    private var otherSize = inputSize

    override fun find(outputs: List<FloatArray>, width: Int, height: Int, colours: LabelColours, result: Result) {
        val found = result.labels(width, height, manifest.classCount)
        labellerFor(width, height).label(outputs[0], found.labels)
        found.paint(colours)
        shares.count(found.labels)
        for (classId in found.amounts.indices) found.amounts[classId] = shares.shareOf(classId)
    }

    private fun labellerFor(width: Int, height: Int): Labeller {
        if (inputSize.width == width && inputSize.height == height) return atInputSize
        if (otherSize.width != width || otherSize.height != height) {
            otherSize = Size(width, height)
            atOtherSize = labeller(otherSize)
        }
        return atOtherSize
    }

    private fun labeller(size: Size) =
        Labeller(manifest.classCount, manifest.outputHeight, manifest.outputWidth, size.height, size.width)
}

private class BoxFinder(private val manifest: ModelManifest, private val detection: Detection) : Finder {
    private val decoder = BoxDecoder(detection, manifest.classCount, manifest.inputHeight, manifest.inputWidth)

    override fun find(outputs: List<FloatArray>, width: Int, height: Int, colours: LabelColours, result: Result) {
        val found = result.boxes(manifest, detection.mostBoxes)
        decoder.decode(outputs, found.boxes)
        found.countAll()
    }
}
