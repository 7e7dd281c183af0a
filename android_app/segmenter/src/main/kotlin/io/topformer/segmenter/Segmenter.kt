package io.topformer.segmenter

import java.nio.FloatBuffer

/** A loaded model. Used from one thread at a time. */
public interface Segmenter : AutoCloseable {
    /** Where the next input goes: a direct buffer of the input's size, NCHW. */
    public val input: FloatBuffer

    /** Runs the model on what [input] holds; throws [SegmenterException]. The logits are valid until the next run. */
    public fun run(): FloatArray
}

/** What a model refused, in words for the screen. */
public class SegmenterException(message: String, cause: Throwable? = null) : Exception(message, cause)
