package io.topformer.demo

import android.content.Intent
import android.os.Process
import io.topformer.core.GoldenReader
import io.topformer.core.Labeller
import io.topformer.core.Preprocessor
import io.topformer.segmenter.ExecuTorchSegmenter
import io.topformer.segmenter.Segmenter
import java.io.File
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.security.MessageDigest

/** What `am start --es bench NAME` asks for. */
class BenchRequest private constructor(val name: String, val model: String?, val threads: Int, val warmups: Int, val samples: Int) {
    companion object {
        // As the runner's own limits; another app may have sent this.
        private val COUNTS = 0..100_000
        private val NAME = Regex("[A-Za-z0-9-]{1,64}")

        /** Reads an intent; null when it asks for no bench or for one that can't be. */
        fun of(intent: Intent): BenchRequest? {
            val name = intent.getStringExtra("bench")?.takeIf(NAME::matches) ?: return null
            val threads = intent.getIntExtra("threads", 1)
            val warmups = intent.getIntExtra("warmups", 5)
            val samples = intent.getIntExtra("samples", 40)
            if (threads !in 1..64 || warmups !in COUNTS || samples !in COUNTS || samples == 0) return null
            return BenchRequest(name, intent.getStringExtra("model"), threads, warmups, samples)
        }
    }
}

/** Measures a model as the C++ runner does, and tells it in the runner's document `topformer.runner/1`. */
class Bench(private val request: BenchRequest, private val ready: ReadyModel, private val factory: SegmenterFactory) {
    private val manifest = ready.manifest
    private val preprocessor = Preprocessor(manifest.inputHeight, manifest.inputWidth, manifest.mean, manifest.std)
    private val labeller = Labeller(
        manifest.classCount,
        manifest.outputHeight,
        manifest.outputWidth,
        manifest.inputHeight,
        manifest.inputWidth,
    )
    private val labels = ShortArray(manifest.inputHeight * manifest.inputWidth)

    // Without a golden picture any will do: the work does not depend on it but for the labels.
    private val pixels = ready.golden?.let { GoldenReader.read(it).pixels } ?: IntArray(labels.size) { it * 31 }
    private lateinit var logits: FloatArray

    /** Runs it all on the calling thread and returns one line of JSON; throws what the model's stages do. */
    fun run(): String {
        val started = System.nanoTime()
        factory.open(ready.file, manifest, request.threads).use { segmenter ->
            val loadNs = System.nanoTime() - started
            val first = sample(segmenter)
            val warmups = List(request.warmups) { sample(segmenter) }
            val cpuBeforeMs = Process.getElapsedCpuTime()
            val samples = List(request.samples) { sample(segmenter) }
            val cpuNs = (Process.getElapsedCpuTime() - cpuBeforeMs) * 1_000_000
            return document(loadNs, first, warmups, samples, cpuNs)
        }
    }

    private fun sample(segmenter: Segmenter): List<Long> {
        val started = System.nanoTime()
        preprocessor.fromArgb(pixels, manifest.inputWidth, manifest.inputHeight, segmenter.input)
        val preprocessed = System.nanoTime()
        logits = segmenter.run()
        val executed = System.nanoTime()
        labeller.label(logits, labels)
        return listOf(preprocessed - started, executed - preprocessed, System.nanoTime() - executed)
    }

    private fun document(
        loadNs: Long,
        first: List<Long>,
        warmups: List<List<Long>>,
        samples: List<List<Long>>,
        cpuNs: Long,
    ): String {
        val shape = listOf(1, manifest.classCount, manifest.outputHeight, manifest.outputWidth)
        val logitBytes = littleEndian(logits.size * Float.SIZE_BYTES) { it.asFloatBuffer().put(logits) }
        val labelBytes = littleEndian(labels.size * Short.SIZE_BYTES) { it.asShortBuffer().put(labels) }
        // Numbers and hashes only, so nothing needs escaping.
        return listOf(
            "\"schema\":\"topformer.runner/1\"",
            "\"block_warmups\":[]",
            "\"samples\":$samples",
            "\"cpu_ns\":$cpuNs",
            "\"peak_memory_bytes\":${peakMemoryBytes()}",
            "\"runtime_version\":\"${ExecuTorchSegmenter.RUNTIME_VERSION}\"",
            "\"model_sha256\":\"${manifest.fileSha256}\"",
            "\"threads\":${request.threads}",
            "\"profiled\":false",
            "\"load_ns\":$loadNs",
            "\"logits_shape\":$shape",
            "\"logits_sha256\":\"${sha256(logitBytes)}\"",
            "\"labels_sha256\":\"${sha256(labelBytes)}\"",
            "\"first\":$first",
            "\"warmups\":$warmups",
            "\"end\":\"topformer.runner.end\"",
        ).joinToString(",", "{", "}").replace(" ", "")
    }

    private fun littleEndian(sizeBytes: Int, fill: (ByteBuffer) -> Unit): ByteArray =
        ByteBuffer.allocate(sizeBytes).order(ByteOrder.LITTLE_ENDIAN).also(fill).array()

    private fun sha256(bytes: ByteArray): String =
        MessageDigest.getInstance("SHA-256").digest(bytes).joinToString("") { "%02x".format(it) }

    private fun peakMemoryBytes(): Long =
        File("/proc/self/status").readLines().first { it.startsWith("VmHWM:") }.filter(Char::isDigit).toLong() * 1024
}
