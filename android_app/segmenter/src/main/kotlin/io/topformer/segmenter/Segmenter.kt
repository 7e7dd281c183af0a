package io.topformer.segmenter

import java.nio.FloatBuffer

/** A loaded model. Run from one thread at a time. */
public interface Segmenter : AutoCloseable {
    /** Where inputs go, NCHW: two buffers, so that one can be filled while the model runs on the other. */
    public val inputs: List<FloatBuffer>

    /**
     * Runs the model on what `inputs[number]` holds; throws [SegmenterException]. The outputs, in the manifest's order,
     * are valid until the next run.
     */
    public fun run(number: Int): List<FloatArray>
}

/** What a model refused, in words for the screen. */
public class SegmenterException(message: String, cause: Throwable? = null) : Exception(message, cause)
