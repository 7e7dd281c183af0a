package io.topformer.demo

import android.content.Intent
import android.os.Process
import io.topformer.core.GoldenException
import io.topformer.core.GoldenReader
import io.topformer.core.Preprocessor
import io.topformer.segmenter.Segmenter
import java.util.Locale

/** What `am start --es bench NAME` asks for. */
class BenchRequest private constructor(val name: String, val model: String?, val threads: Int, val warmups: Int, val samples: Int) {
    companion object {
        // As the runner's own limits; another app may have sent this.
        private val COUNTS = 0..100_000
        private val NAME = Regex("[A-Za-z0-9-]{1,64}")

        /** What the document is to be called; null when the intent asks for none or for one that can't be. */
        fun nameOf(intent: Intent): String? = try {
            intent.getStringExtra("bench")?.takeIf(NAME::matches)
        } catch (_: RuntimeException) {
            // Extras of classes that are unknown here.
            null
        }

        /** Reads an intent; null when it asks for no bench or for one that can't be. */
        fun of(intent: Intent): BenchRequest? {
            val name = nameOf(intent) ?: return null
            val threads = intent.getIntExtra("threads", 1)
            val warmups = intent.getIntExtra("warmups", 5)
            val samples = intent.getIntExtra("samples", 40)
            if (threads !in 1..64 || warmups !in COUNTS || samples !in COUNTS || samples == 0) return null
            return BenchRequest(name, intent.getStringExtra("model"), threads, warmups, samples)
        }
    }
}

/** The nanoseconds of some runs, by stage; nothing is allocated while they are taken. */
class BenchSamples(val count: Int) {
    private val stagesNs = LongArray(3 * count)

    fun set(run: Int, preprocessNs: Long, executeNs: Long, postprocessNs: Long) {
        stagesNs[3 * run] = preprocessNs
        stagesNs[3 * run + 1] = executeNs
        stagesNs[3 * run + 2] = postprocessNs
    }

    fun stagesOf(run: Int): List<Long> = stagesNs.slice(3 * run until 3 * run + 3)
}

/** What was measured of a model that was opened, run once cold, warmed up and then sampled. */
class BenchRun(
    val loadNs: Long,
    val first: BenchSamples,
    val warmups: BenchSamples,
    val samples: BenchSamples,
    val cpuNs: Long,
    val outputs: List<FloatArray>,
    val result: ByteArray,
)

/**
 * Measures a model by the runner's protocol, from camera frames as the live picture has them: a run is the frame's
 * conversion, turn, resize and normalisation, the network, and labels at the network's input size, or boxes. Painting
 * them is not in it. What the device computes is told of another picture, which all runners have.
 */
class Bench(private val request: BenchRequest, private val ready: ReadyModel, private val factory: SegmenterFactory) {
    private val manifest = ready.manifest
    private val preprocessor = Preprocessor(manifest.inputHeight, manifest.inputWidth, manifest.mean, manifest.std)
    private val answer = benchAnswerOf(manifest)

    private val golden = ready.golden?.let { GoldenReader.read(it).apply { checkBelongsTo(manifest) } }

    // Without a golden picture any will do: the work does not depend on it but for the last part.
    private val pixels = golden?.pixels ?: IntArray(manifest.inputHeight * manifest.inputWidth) { it * 31 }
    private val frame = benchFrame(pixels, manifest.inputWidth, manifest.inputHeight)

    /** Runs it all on the calling thread; throws what the model's stages do. */
    fun run(): BenchRun {
        val first = BenchSamples(1)
        val warmups = BenchSamples(request.warmups)
        val samples = BenchSamples(request.samples)
        val started = System.nanoTime()
        factory.open(ready.file, manifest, request.threads).use { segmenter ->
            val loadNs = System.nanoTime() - started
            take(first, segmenter)
            take(warmups, segmenter)
            val cpuBeforeMs = Process.getElapsedCpuTime()
            take(samples, segmenter)
            val cpuNs = (Process.getElapsedCpuTime() - cpuBeforeMs) * 1_000_000
            val outputs = answer(segmenter)
            checkAnswer(outputs)
            return BenchRun(loadNs, first, warmups, samples, cpuNs, outputs, answer.bytes())
        }
    }

    private fun take(samples: BenchSamples, segmenter: Segmenter) {
        for (run in 0 until samples.count) {
            val started = System.nanoTime()
            preprocessor.fromYuv(frame, BENCH_TURN_DEGREES, mirror = false, segmenter.inputs[0])
            val preprocessed = System.nanoTime()
            val outputs = segmenter.run(0)
            val executed = System.nanoTime()
            answer.make(outputs)
            samples.set(run, preprocessed - started, executed - preprocessed, System.nanoTime() - executed)
        }
    }

    private fun answer(segmenter: Segmenter): List<FloatArray> {
        preprocessor.fromArgb(pixels, manifest.inputWidth, manifest.inputHeight, segmenter.inputs[0])
        return segmenter.run(0).also(answer::make)
    }

    /** Throws [GoldenException] for a wrong answer, the time of which is worth nothing. */
    private fun checkAnswer(outputs: List<FloatArray>) {
        val expected = golden ?: return
        val found = expected.compare(outputs, manifest)
        if (found.passed) return
        throw GoldenException(
            "This device computes other ${answer.noun}.",
            "%.1f dB where %.1f are needed, %.2f %% of the ${answer.noun} equal where %.2f %% are needed.".format(
                Locale.ROOT,
                found.sqnrDb,
                expected.requiredSqnrDb,
                found.agreement * 100,
                expected.requiredAgreement * 100,
            ),
        )
    }
}
