package io.topformer.demo

import io.topformer.core.ModelManifest
import io.topformer.segmenter.ExecuTorchSegmenter
import org.json.JSONObject
import java.io.File
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.security.MessageDigest

// What topformer.benchmarks.documents.runner reads: one line of JSON, with a mark at its end.
private const val END = "\"end\":\"topformer.runner.end\"}\n"
private const val LONGEST_TEXT = 1000

/** The runner's document `topformer.runner/1`; throws [java.io.IOException] where the system tells no memory. */
fun runDocument(run: BenchRun, manifest: ModelManifest, threads: Int): String {
    val outputBytes = littleEndian(run.outputs.sumOf { it.size } * Float.SIZE_BYTES) { buffer ->
        val floats = buffer.asFloatBuffer()
        for (output in run.outputs) floats.put(output)
    }
    // Numbers and hashes only, so nothing needs escaping.
    return listOf(
        "{\"schema\":\"topformer.runner/1\"",
        "\"block_warmups\":[]",
        "\"samples\":${listed(run.samples)}",
        "\"cpu_ns\":${run.cpuNs}",
        "\"peak_memory_bytes\":${peakMemoryBytes()}",
        "\"runtime_version\":\"${ExecuTorchSegmenter.RUNTIME_VERSION}\"",
        "\"model_sha256\":\"${manifest.fileSha256}\"",
        "\"threads\":$threads",
        "\"profiled\":false",
        "\"load_ns\":${run.loadNs}",
        "\"output_shapes\":${manifest.outputShapes.map { it.toList() }}",
        "\"picture\":{\"height\":$BENCH_FRAME_HEIGHT,\"width\":$BENCH_FRAME_WIDTH,\"format\":\"yuv\"}",
        "\"outputs_sha256\":\"${sha256(outputBytes)}\"",
        "\"result_sha256\":\"${sha256(run.result)}\"",
        "\"first\":${run.first.stagesOf(0)}",
        "\"warmups\":${listed(run.warmups)}",
        END,
    ).joinToString(",")
}

/** The runner's document `topformer.runner-error/1`. */
fun failureDocument(code: String, what: String, why: String): String =
    listOf(
        "{\"schema\":\"topformer.runner-error/1\"",
        "\"code\":\"$code\"",
        "\"what\":${JSONObject.quote(what.take(LONGEST_TEXT))}",
        "\"why\":${JSONObject.quote(why.take(LONGEST_TEXT))}",
        END,
    ).joinToString(",")

private fun listed(samples: BenchSamples): String =
    (0 until samples.count).joinToString(",", "[", "]") { samples.stagesOf(it).toString() }

/** Bytes that are filled in the order of all our files. */
fun littleEndian(sizeBytes: Int, fill: (ByteBuffer) -> Unit): ByteArray =
    ByteBuffer.allocate(sizeBytes).order(ByteOrder.LITTLE_ENDIAN).also(fill).array()

private fun sha256(bytes: ByteArray): String =
    MessageDigest.getInstance("SHA-256").digest(bytes).joinToString("") { "%02x".format(it) }

private fun peakMemoryBytes(): Long =
    File("/proc/self/status").readLines().first { it.startsWith("VmHWM:") }.filter(Char::isDigit).toLong() * 1024
