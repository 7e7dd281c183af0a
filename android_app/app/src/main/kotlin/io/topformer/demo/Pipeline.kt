package io.topformer.demo

import io.topformer.core.ClassShares
import io.topformer.core.GoldenException
import io.topformer.core.GoldenVector
import io.topformer.core.LabelColours
import io.topformer.core.Labeller
import io.topformer.core.ModelManifest
import io.topformer.core.Newest
import io.topformer.core.Preprocessor
import io.topformer.core.YuvFrame
import io.topformer.segmenter.Segmenter
import java.nio.FloatBuffer

/** An input of the network, and of what frame it was made. */
class Input(val number: Int, val tensor: FloatBuffer) {
    var timestampNs = 0L
    var pictureWidth = 0
    var pictureHeight = 0
    var arrivedNs = 0L
    var preprocessNs = 0L
}

/**
 * From frames to [Result]s. Camera frames are prepared on the camera's thread, while the network runs on another one,
 * where all else is done. Buffers are made anew only when sizes change.
 */
class Pipeline(val manifest: ModelManifest, private val segmenter: Segmenter, private val clock: Clock) : AutoCloseable {
    // Each thread has its own: they keep rows of what they resize.
    private val livePreprocessor = preprocessor()
    private val stillPreprocessor = preprocessor()
    private val inputs = Newest(segmenter.inputs.mapIndexed(::Input))
    private val classShares = ClassShares(manifest.classCount)
    private val liveLabeller = labeller(manifest.inputWidth, manifest.inputHeight)
    private var stillLabeller: Labeller? = null
    private var stillSize = Size(0, 0)

    /** What labels are painted with; for the engine's thread. */
    var colours = inMemory(manifest.palette).let { LabelColours(it, it) }

    /** When the camera frame was taken that the network has, or had last. */
    @Volatile
    var runningNs = 0L
        private set

    /** Makes an input of a camera frame; the newest is run next, older ones never. For one thread at a time. */
    fun prepare(frame: YuvFrame, turnDegrees: Int, mirror: Boolean, timestampNs: Long) {
        val input = inputs.take() ?: return
        var filled = false
        try {
            val lying = turnDegrees % 180 == 90
            input.timestampNs = timestampNs
            input.pictureWidth = if (lying) frame.height else frame.width
            input.pictureHeight = if (lying) frame.width else frame.height
            input.arrivedNs = clock.nowNs()
            livePreprocessor.fromYuv(frame, turnDegrees, mirror, input.tensor)
            input.preprocessNs = clock.nowNs() - input.arrivedNs
            filled = true
        } finally {
            if (filled) inputs.publish(input) else inputs.giveBack(input)
        }
    }

    /** Runs the newest camera frame that was prepared; false where none is new. Throws what [Segmenter.run] does. */
    fun runNewest(result: Result): Boolean {
        val input = inputs.use() ?: return false
        try {
            runningNs = input.timestampNs
            result.resize(input.pictureWidth, input.pictureHeight, manifest.inputWidth, manifest.inputHeight, manifest)
            result.picture = null
            run(input, liveLabeller, result)
        } finally {
            inputs.giveBack(input)
        }
        return true
    }

    /** Runs an opened picture, with labels of the given size; throws what [Segmenter.run] does. */
    fun run(still: StillFrame, labelWidth: Int, labelHeight: Int, result: Result) = using { input ->
        result.resize(still.width, still.height, labelWidth, labelHeight, manifest)
        result.picture = still.picture
        input.timestampNs = 0
        input.arrivedNs = clock.nowNs()
        stillPreprocessor.fromArgb(still.pixels, still.width, still.height, input.tensor)
        input.preprocessNs = clock.nowNs() - input.arrivedNs
        run(input, stillLabellerFor(labelWidth, labelHeight), result)
    }

    /** Runs the model on a golden picture; throws [GoldenException] when it is not this model's. */
    fun check(golden: GoldenVector): GoldenVector.Result = using { input ->
        golden.checkBelongsTo(manifest)
        golden.writeInput(stillPreprocessor, input.tensor)
        golden.compare(segmenter.run(input.number))
    }

    override fun close() = segmenter.close()

    private fun run(input: Input, labeller: Labeller, result: Result) {
        val started = clock.nowNs()
        val logits = segmenter.run(input.number)
        val executed = clock.nowNs()
        labeller.label(logits, result.labels)
        result.paint(colours)
        classShares.count(result.labels)
        for (classId in result.shares.indices) result.shares[classId] = classShares.shareOf(classId)
        result.timestampNs = input.timestampNs
        result.timings.arrivedNs = input.arrivedNs
        result.timings.preprocessNs = input.preprocessNs
        result.timings.executeNs = executed - started
        result.timings.postprocessNs = clock.nowNs() - executed
    }

    private inline fun <T> using(action: (Input) -> T): T {
        // The camera's thread has one at most.
        val input = checkNotNull(inputs.take())
        return try {
            action(input)
        } finally {
            inputs.giveBack(input)
        }
    }

    private fun preprocessor() = Preprocessor(manifest.inputHeight, manifest.inputWidth, manifest.mean, manifest.std)

    private fun labeller(width: Int, height: Int) =
        Labeller(manifest.classCount, manifest.outputHeight, manifest.outputWidth, height, width)

    private fun stillLabellerFor(width: Int, height: Int): Labeller {
        stillLabeller?.takeIf { stillSize.width == width && stillSize.height == height }?.let { return it }
        stillSize = Size(width, height)
        return labeller(width, height).also { stillLabeller = it }
    }
}
