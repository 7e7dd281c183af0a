package io.topformer.demo

import io.topformer.core.ClassShares
import io.topformer.core.GoldenException
import io.topformer.core.GoldenVector
import io.topformer.core.Labeller
import io.topformer.core.ModelManifest
import io.topformer.core.Preprocessor
import io.topformer.core.UprightPixels
import io.topformer.segmenter.Segmenter

/** From a frame to a [Result], on one thread. Buffers are made anew only when sizes change. */
class Pipeline(val manifest: ModelManifest, private val segmenter: Segmenter) : AutoCloseable {
    private val preprocessor =
        Preprocessor(manifest.inputHeight, manifest.inputWidth, manifest.mean, manifest.std)
    private val upright = UprightPixels()
    private val classShares = ClassShares(manifest.classCount)
    private var labeller: Labeller? = null
    private var labellerWidth = 0
    private var labellerHeight = 0
    private var pixels = IntArray(0)

    /** Fills [result], with labels of the given size; throws what [Segmenter.run] does. */
    fun run(frame: Frame, labelWidth: Int, labelHeight: Int, result: Result) {
        result.resize(frame.width, frame.height, labelWidth, labelHeight, manifest)
        val started = System.nanoTime()
        frame.writeTensor(preprocessor, segmenter.input)
        val preprocessed = System.nanoTime()
        val logits = segmenter.run()
        val executed = System.nanoTime()
        labellerFor(labelWidth, labelHeight).label(logits, result.labels)
        result.timings.preprocessNs = preprocessed - started
        result.timings.executeNs = executed - preprocessed
        result.timings.postprocessNs = System.nanoTime() - executed
        draw(frame, result)
    }

    /** Runs the model on a golden picture; throws [GoldenException] when it is not this model's. */
    fun check(golden: GoldenVector): GoldenVector.Result {
        golden.checkBelongsTo(manifest)
        golden.writeInput(preprocessor, segmenter.input)
        return golden.compare(segmenter.run())
    }

    override fun close() = segmenter.close()

    private fun labellerFor(width: Int, height: Int): Labeller {
        labeller?.takeIf { labellerWidth == width && labellerHeight == height }?.let { return it }
        labellerWidth = width
        labellerHeight = height
        return Labeller(manifest.classCount, manifest.outputHeight, manifest.outputWidth, height, width)
            .also { labeller = it }
    }

    private fun draw(frame: Frame, result: Result) {
        val most = maxOf(frame.width * frame.height, result.labels.size)
        if (pixels.size < most) pixels = IntArray(most)
        frame.writePixels(upright, pixels)
        result.picture.setPixels(pixels, 0, frame.width, 0, 0, frame.width, frame.height)
        val palette = manifest.palette
        val labels = result.labels
        for (i in labels.indices) pixels[i] = palette[labels[i].toInt() and 0xFFFF]
        val width = result.overlay.width
        result.overlay.setPixels(pixels, 0, width, 0, 0, width, result.overlay.height)
        classShares.count(labels)
        for (classId in result.shares.indices) result.shares[classId] = classShares.shareOf(classId)
    }
}
