package io.topformer.core

import kotlinx.serialization.Serializable
import java.util.Base64
import kotlin.math.abs

/** Reads the JSON beside a model file as `topformer/manifest.py` does. */
public object ManifestReader {
    /** As MANIFEST_LIMIT_BYTES there; check a file's size before reading it. */
    public const val LIMIT_BYTES: Int = 16 shl 20

    // 256 MB: far above any phone's use, and far below where products of sizes overflow.
    private const val MOST_VALUES = (1 shl 26).toDouble()
    private const val LOGIT_STRIDE = 8L

    // As in topformer/manifest.py.
    private const val LARGEST_LEVEL = 1e6
    private const val LEAST_DEVIATION = 1e-6

    /** Reads a manifest; throws [ManifestException] when it is not one this version understands. */
    public fun read(json: ByteArray): ModelManifest {
        if (json.size > LIMIT_BYTES) {
            throw ManifestException(NOT_UNDERSTOOD, "It is larger than ${LIMIT_BYTES shr 20} MB.")
        }
        try {
            val document = parseJson(json)
            checkVersion(document.read(Versioned.serializer()).schema)
            return ModelManifest(document.read(ManifestDocument.serializer()).also(::checkWhole))
        } catch (error: MalformedException) {
            throw ManifestException(NOT_UNDERSTOOD, "In it, ${error.message}.")
        }
    }

    /** What every version has, so that another one is named before anything that it changed. */
    @Serializable
    private class Versioned(val schema: String)

    /** Refuses other major versions; minor ones, as in "topformer.manifest/1.2", only add members. */
    private fun checkVersion(schema: String) = need(VERSION.matches(schema)) {
        "schema is '${shown(schema)}', not topformer.manifest/1"
    }

    /** What no member says alone. */
    private fun checkWhole(document: ManifestDocument) = with(document) {
        val count = classes.names.size
        need(model.numClasses == count) { "classes and model.num_classes disagree" }
        when (model.task) {
            SEGMENTATION -> checkLogits(document)
            DETECTION -> checkLevels(document)
            else -> throw MalformedException("model.task is '${shown(model.task)}', which this app does not know")
        }
        var values = 0.0
        for (output in outputs) values += output.shape.fold(1.0) { product, side -> product * side }
        need(values <= MOST_VALUES) { "outputs are too large for a phone" }
        need(classes.palette.size == count) { "classes.palette has ${classes.palette.size} colours for $count names" }
        for ((name, values) in listOf("mean" to input.mean, "std" to input.std)) {
            need(values.all { abs(it) <= LARGEST_LEVEL }) { "input.$name has a number beyond a million" }
        }
        need(input.std.none { abs(it) < LEAST_DEVIATION }) { "input.std must not be 0" }
        need(parity == null || parity.steps.isNotEmpty()) { "parity has no steps" }
        need(parity == null || parity.steps.none { it.inputs.isEmpty() }) { "parity has a step without inputs" }
        need(golden.size <= 64) { "golden has more than 64 entries" }
        need(golden.all { it.samples.values.all(::isSample) }) { "golden has samples that are not base64, or too many" }
    }

    /** Refuses outputs that are not those of a segmentation network. */
    private fun checkLogits(document: ManifestDocument) {
        val output = document.outputs.singleOrNull() ?: throw MalformedException("outputs must be the logits alone")
        need(output.meaning == "logits") { "outputs[0].meaning is '${shown(output.meaning)}', not logits" }
        need(output.stride == LOGIT_STRIDE) { "outputs[0].stride is ${output.stride}, not $LOGIT_STRIDE" }
        need(output.shape.size == 4) { "outputs[0].shape must be [1, classes, height, width], 4 entries" }
        val (batch, count, height, width) = output.shape
        need(batch == 1L) { "outputs[0].shape[0] is $batch, not 1" }
        need(maxOf(height, width) <= LARGEST_SIDE) { "outputs[0].shape has a side above $LARGEST_SIDE" }
        need(count == document.model.numClasses.toLong()) { "classes and outputs[0].shape disagree" }
    }

    /** Refuses outputs that are not those of a detector with such anchors: of each level logits, then offsets. */
    private fun checkLevels(document: ManifestDocument) = with(document) {
        val levels = detection?.levels ?: throw MalformedException("detection is missing")
        need(outputs.size == 2 * levels.size) { "there are ${outputs.size} outputs for ${levels.size} levels of anchors" }
        for ((i, output) in outputs.withIndex()) {
            val level = levels[i % levels.size]
            val isLogits = i < levels.size
            val meaning = if (isLogits) "class logits" else "box offsets"
            val numbers = if (isLogits) model.numClasses else 4
            val shape = listOf(
                1,
                level.anchors.size.toLong() * numbers,
                placesAlong(input.height, level.stride),
                placesAlong(input.width, level.stride),
            )
            need(output.meaning == meaning) { "outputs[$i].meaning is '${shown(output.meaning)}', not $meaning" }
            need(output.stride == level.stride) { "outputs[$i].stride is ${output.stride}, not ${level.stride}" }
            need(output.shape == shape) { "outputs[$i].shape is ${output.shape.take(8)}, not $shape" }
        }
    }

    private fun isSample(text: String): Boolean = try {
        // The decoder would forgive missing padding.
        text.length % 4 == 0 && Base64.getDecoder().decode(text).size <= 1 shl 16
    } catch (_: IllegalArgumentException) {
        false
    }

    private inline fun need(holds: Boolean, problem: () -> String) {
        if (!holds) throw MalformedException(problem())
    }

    private val VERSION = Regex("topformer\\.manifest/1(\\.[0-9]+)?")
    private const val NOT_UNDERSTOOD = "The manifest is not one this app understands."
}
