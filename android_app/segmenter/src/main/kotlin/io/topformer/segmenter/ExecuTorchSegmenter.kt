package io.topformer.segmenter

import org.pytorch.executorch.EValue
import org.pytorch.executorch.Module
import org.pytorch.executorch.Tensor
import java.io.File
import java.nio.Buffer
import java.nio.FloatBuffer

/** A `.pte` file in ExecuTorch's own runtime. */
public class ExecuTorchSegmenter private constructor(
    private val module: Module,
    private val inputShape: LongArray,
    private val outputShape: LongArray,
) : Segmenter {
    override val inputs: List<FloatBuffer> = List(2) { Tensor.allocateFloatBuffer(sizeOf(inputShape)) }

    // They wrap the buffers, so that two tensors serve all frames.
    private val arguments = inputs.map { EValue.from(Tensor.fromBlob(it, inputShape)) }
    private val logits = FloatArray(sizeOf(outputShape))
    private val logitsBuffer = FloatBuffer.wrap(logits)

    override fun run(number: Int): FloatArray {
        val outputs = refusing("The model failed while it ran.") { module.forward(arguments[number]) }
        val output = outputs.singleOrNull()?.takeIf { it.isTensor }?.toTensor()
            ?: throw SegmenterException("The model gave ${outputs.size} outputs instead of one tensor.")
        if (!output.shape().contentEquals(outputShape)) {
            throw SegmenterException(
                "The model gave logits of shape ${output.shape().contentToString()}; " +
                    "its manifest says ${outputShape.contentToString()}.",
            )
        }
        // Moved as Android's oldest knows it: there FloatBuffer had no methods of its own for that.
        val place: Buffer = logitsBuffer
        place.clear()
        refusing("The model's logits are not float32.") { output.copyDataInto(logitsBuffer) }
        return logits
    }

    override fun close() {
        module.close()
    }

    public companion object {
        /** Of the library this app is built with, which can't tell it itself; a test holds it to the catalogue. */
        public const val RUNTIME_VERSION: String = "1.5.1"

        /** Loads a file; throws [SegmenterException] when this runtime can't. */
        public fun open(file: File, threads: Int, inputShape: LongArray, outputShape: LongArray): ExecuTorchSegmenter {
            val module = refusing("This file can't be loaded by ExecuTorch.") {
                Module.load(file.path, Module.LOAD_MODE_MMAP, threads)
            }
            return try {
                refusing("The model has no method that can be run.") { module.loadMethod("forward") }
                ExecuTorchSegmenter(module, inputShape, outputShape)
            } catch (error: Throwable) {
                module.close()
                throw error
            }
        }

        private fun sizeOf(shape: LongArray): Int = shape.reduce(Long::times).toInt()

        // The library may be missing for this phone's processor, which Java tells as an Error.
        private inline fun <T> refusing(what: String, action: () -> T): T =
            try {
                action()
            } catch (error: RuntimeException) {
                throw SegmenterException("$what ${error.message.orEmpty()}".trim(), error)
            } catch (error: LinkageError) {
                throw SegmenterException("ExecuTorch's native library can't be loaded on this device.", error)
            }
    }
}
