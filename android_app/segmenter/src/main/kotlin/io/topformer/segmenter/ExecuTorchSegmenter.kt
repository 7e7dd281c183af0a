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
    private val outputShapes: List<LongArray>,
) : Segmenter {
    override val inputs: List<FloatBuffer> = List(2) { Tensor.allocateFloatBuffer(sizeOf(inputShape)) }

    // They wrap the buffers, so that two tensors serve all frames.
    private val arguments = inputs.map { EValue.from(Tensor.fromBlob(it, inputShape)) }
    private val found = outputShapes.map { FloatArray(sizeOf(it)) }
    private val buffers = found.map { FloatBuffer.wrap(it) }

    override fun run(number: Int): List<FloatArray> {
        val outputs = refusing("The model failed while it ran.") { module.forward(arguments[number]) }
        if (outputs.size != found.size) {
            throw SegmenterException("The model gave ${outputs.size} outputs; its manifest says ${found.size}.")
        }
        for (i in found.indices) take(i, outputs[i])
        return found
    }

    private fun take(i: Int, value: EValue) {
        if (!value.isTensor) throw SegmenterException("The model gave something else than tensors.")
        val output = value.toTensor()
        if (!output.shape().contentEquals(outputShapes[i])) {
            throw SegmenterException(
                "The model gave an output of shape ${output.shape().contentToString()}; " +
                    "its manifest says ${outputShapes[i].contentToString()}.",
            )
        }
        // Moved as Android's oldest knows it: there FloatBuffer had no methods of its own for that.
        val place: Buffer = buffers[i]
        place.clear()
        refusing("The model's outputs are not float32.") { output.copyDataInto(buffers[i]) }
    }

    override fun close() {
        module.close()
    }

    public companion object {
        /** Of the library this app is built with, which can't tell it itself; a test holds it to the catalogue. */
        public const val RUNTIME_VERSION: String = "1.5.1"

        /** Loads a file; throws [SegmenterException] when this runtime can't. */
        public fun open(
            file: File,
            threads: Int,
            inputShape: LongArray,
            outputShapes: List<LongArray>,
        ): ExecuTorchSegmenter {
            val module = refusing("This file can't be loaded by ExecuTorch.") {
                Module.load(file.path, Module.LOAD_MODE_MMAP, threads)
            }
            return try {
                refusing("The model has no method that can be run.") { module.loadMethod("forward") }
                ExecuTorchSegmenter(module, inputShape, outputShapes)
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
