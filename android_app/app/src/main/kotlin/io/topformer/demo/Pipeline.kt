package io.topformer.demo

import io.topformer.core.GoldenException
import io.topformer.core.GoldenVector
import io.topformer.core.LabelColours
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
    private val finder = finderOf(manifest)

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
            result.begin(input.pictureWidth, input.pictureHeight, picture = null, manifest)
            run(input, manifest.inputWidth, manifest.inputHeight, result)
        } finally {
            inputs.giveBack(input)
        }
        return true
    }

    /** Runs an opened picture that is seen at the given size; throws what [Segmenter.run] does. */
    fun run(still: StillFrame, seenWidth: Int, seenHeight: Int, result: Result) = using { input ->
        result.begin(still.width, still.height, still.picture, manifest)
        input.timestampNs = 0
        input.arrivedNs = clock.nowNs()
        stillPreprocessor.fromArgb(still.pixels, still.width, still.height, input.tensor)
        input.preprocessNs = clock.nowNs() - input.arrivedNs
        run(input, seenWidth, seenHeight, result)
    }

    /** Runs the model on a golden picture; throws [GoldenException] when it is not this model's. */
    fun check(golden: GoldenVector): GoldenVector.Result = using { input ->
        golden.checkBelongsTo(manifest)
        golden.writeInput(stillPreprocessor, input.tensor)
        golden.compare(segmenter.run(input.number), manifest)
    }

    override fun close() = segmenter.close()

    private fun run(input: Input, width: Int, height: Int, result: Result) {
        val started = clock.nowNs()
        val outputs = segmenter.run(input.number)
        val executed = clock.nowNs()
        finder.find(outputs, width, height, colours, result)
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
}
