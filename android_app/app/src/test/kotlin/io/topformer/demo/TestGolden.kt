package io.topformer.demo

import io.topformer.core.BoxDecoder
import io.topformer.core.Boxes
import io.topformer.core.Labeller
import io.topformer.core.ManifestReader
import io.topformer.core.ModelManifest
import io.topformer.core.Preprocessor
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.nio.FloatBuffer
import java.security.MessageDigest

/** Golden files for the test models, in the layout of `topformer/android/golden.py`. */
object TestGolden {
    const val CREDIT = "A street, drawn by a test, CC0"
    private const val SAMPLES = 64

    /** What [FakeSegmenter] answers, or with [shift] the answer that gives its labels to other classes. */
    fun of(shift: Int = 0, modelSha256: String? = null): ByteArray {
        val manifest = ManifestReader.read(TestModel.manifest().toByteArray())
        val plane = manifest.outputHeight * manifest.outputWidth
        val answer = FakeSegmenter(manifest).run(0).single()
        val logits = FloatArray(answer.size) { answer[(it + shift * plane) % answer.size] }
        val labels = ShortArray(manifest.inputHeight * manifest.inputWidth)
        with(manifest) { Labeller(classCount, outputHeight, outputWidth, inputHeight, inputWidth) }.label(logits, labels)
        val answers = ByteBuffer.allocate(10 * SAMPLES).order(ByteOrder.LITTLE_ENDIAN)
        for (i in 0 until SAMPLES) answers.putFloat(logits[position(i, logits.size)])
        for (i in 0 until SAMPLES) answers.putShort(labels[position(i, labels.size)])
        for (i in 0 until SAMPLES) answers.putFloat(1f)
        val numbers = with(manifest) { listOf(classCount, outputHeight, outputWidth) }
        return file(manifest, version = 1, numbers, answers.array(), modelSha256)
    }

    /** What a [FakeDetector] answers that finds these boxes. */
    fun ofBoxes(fakes: List<FakeBox>): ByteArray {
        val manifest = ManifestReader.read(TestDetector.manifest().toByteArray())
        val outputs = FakeDetector(manifest) { fakes }.run(0)
        val boxes = Boxes(fakes.size)
        with(manifest) { BoxDecoder(checkNotNull(detection), classCount, inputHeight, inputWidth) }.decode(outputs, boxes)
        val answers = ByteBuffer.allocate(8 * SAMPLES + 24 * boxes.size).order(ByteOrder.LITTLE_ENDIAN)
        for (output in outputs) for (i in 0 until SAMPLES) answers.putFloat(output[position(i, output.size)])
        for (i in 0 until boxes.size) {
            for (side in 0 until 4) answers.putFloat(boxes.corners[4 * i + side])
            answers.putFloat(boxes.scores[i]).putInt(boxes.labels[i])
        }
        return file(manifest, version = 2, listOf(manifest.classCount, 1, boxes.size), answers.array())
    }

    private fun file(
        manifest: ModelManifest,
        version: Int,
        numbers: List<Int>,
        answers: ByteArray,
        modelSha256: String? = null,
    ): ByteArray {
        val pixels = IntArray(manifest.inputHeight * manifest.inputWidth) { (0xFF shl 24) or it * 40503 and 0xFFFFFF }
        val body = ByteBuffer.allocate(128 + CREDIT.length + 3 * pixels.size + answers.size).order(ByteOrder.LITTLE_ENDIAN)
        body.put("TOPFGOLD".toByteArray()).putInt(version)
        body.putInt(manifest.inputHeight).putInt(manifest.inputWidth)
        for (number in numbers) body.putInt(number)
        body.putInt(SAMPLES).putInt(CREDIT.length)
        body.putDouble(60.0).putDouble(0.9999).putDouble(0.001)
        body.put((modelSha256 ?: manifest.fileSha256).chunked(2).map { it.toInt(16).toByte() }.toByteArray())
        body.put(sha256(tensor(manifest, pixels)))
        body.put(CREDIT.toByteArray())
        for (pixel in pixels) for (shiftBits in listOf(16, 8, 0)) body.put((pixel shr shiftBits).toByte())
        body.put(answers)
        return body.array() + sha256(body.array())
    }

    private fun tensor(manifest: ModelManifest, pixels: IntArray): ByteArray {
        val out = FloatBuffer.allocate(3 * pixels.size)
        with(manifest) { Preprocessor(inputHeight, inputWidth, mean, std).fromArgb(pixels, inputWidth, inputHeight, out) }
        val bytes = ByteBuffer.allocate(4 * out.capacity()).order(ByteOrder.LITTLE_ENDIAN)
        bytes.asFloatBuffer().put(out.array())
        return bytes.array()
    }

    private fun position(i: Int, size: Int) = (i * 2654435761L % size).toInt()

    private fun sha256(bytes: ByteArray) = MessageDigest.getInstance("SHA-256").digest(bytes)
}
