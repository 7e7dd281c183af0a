package io.topformer.segmenter

import org.pytorch.executorch.EValue
import org.pytorch.executorch.Module
import org.pytorch.executorch.Tensor
import java.io.File
import java.nio.FloatBuffer

/** A `.pte` file in ExecuTorch's own runtime. */
public class ExecuTorchSegmenter private constructor(
    private val module: Module,
    private val inputShape: LongArray,
    private val outputShape: LongArray,
) : Segmenter {
    override val input: FloatBuffer = Tensor.allocateFloatBuffer(inputShape.reduce(Long::times).toInt())

    // Wraps the buffer, so that one tensor serves every frame.
    private val argument = EValue.from(Tensor.fromBlob(input, inputShape))

    override fun run(): FloatArray {
        val outputs = refusing("The model failed while it ran.") { module.forward(argument) }
        val output = outputs.singleOrNull()?.takeIf { it.isTensor }?.toTensor()
            ?: throw SegmenterException("The model gave ${outputs.size} outputs instead of one tensor.")
        if (!output.shape().contentEquals(outputShape)) {
            throw SegmenterException(
                "The model gave logits of shape ${output.shape().contentToString()}; " +
                    "its manifest says ${outputShape.contentToString()}.",
            )
        }
        // A new array each time, the one large allocation of a frame.
        return refusing("The model's logits are not float32.") { output.dataAsFloatArray }
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
