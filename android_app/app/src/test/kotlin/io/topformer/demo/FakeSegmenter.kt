package io.topformer.demo

import io.topformer.core.ModelManifest
import io.topformer.segmenter.Segmenter
import io.topformer.segmenter.SegmenterException
import java.nio.FloatBuffer
import java.util.concurrent.Semaphore
import kotlin.math.hypot

/** Gives each class a region of its own, so that a picture of labels can be told from any other. */
class FakeSegmenter(val manifest: ModelManifest, val threads: Int = 1) : Segmenter {
    override val inputs = List(2) { FloatBuffer.allocate(3 * manifest.inputHeight * manifest.inputWidth) }
    var failure: SegmenterException? = null

    /** Where set, each run waits for a permit. */
    @Volatile
    var gate: Semaphore? = null

    @Volatile
    var runs = 0
        private set
    var closed = false
        private set

    override fun run(number: Int): List<FloatArray> {
        check(!closed) { "A closed segmenter was run." }
        gate?.acquire()
        runs++
        failure?.let { throw it }
        val height = manifest.outputHeight
        val width = manifest.outputWidth
        val logits = FloatArray(manifest.classCount * height * width) { i ->
            val (x, y) = CENTRES[i / (height * width) % CENTRES.size]
            -hypot(i % width / width.toFloat() - x, i / width % height / height.toFloat() - y)
        }
        return listOf(logits)
    }

    override fun close() {
        closed = true
    }

    private companion object {
        val CENTRES = listOf(0.5f to 0.1f, 0.2f to 0.45f, 0.85f to 0.4f, 0.3f to 0.9f, 0.8f to 0.85f, 0.55f to 0.55f)
    }
}
