package io.topformer.core

/** Reads the JSON beside a model file as `topformer/manifest.py` does, whose fields these are. */
public object ManifestReader {
    /** As MANIFEST_LIMIT_BYTES there; check a file's size before reading it. */
    public const val LIMIT_BYTES: Int = 16 shl 20

    // 256 MB of logits: far above any phone's use, and far below where products of sizes overflow.
    private const val MOST_LOGITS = 1L shl 26

    /** Reads a manifest; throws [ManifestException] when it is not one this version understands. */
    public fun read(json: ByteArray): ModelManifest {
        if (json.size > LIMIT_BYTES) {
            throw ManifestException(NOT_UNDERSTOOD, "It is larger than ${LIMIT_BYTES shr 20} MB.")
        }
        try {
            return Node(parseJson(json), "").fields { manifest() }
        } catch (error: MalformedException) {
            throw ManifestException(NOT_UNDERSTOOD, "In it, ${error.message}.")
        }
    }

    private fun Fields.manifest(): ModelManifest {
        this["schema"].schema("topformer.manifest/1")
        val model = this["model"].fields { model() }
        val weights = this["weights"].fields { weights() }
        val input = this["input"].fields { input() }
        val output = this["outputs"].items(1, "the logits").single().fields { output() }
        val classes = this["classes"].fields { classes() }
        val file = this["file"].fields { file().also { conversion() } }
        val proofPassed = optional("parity")?.unlessNull { parity() }
        optional("delegation")?.unlessNull { delegation() }
        optional("golden")?.items(most = 64)?.forEach { it.fields { goldenCase() } }
        if (model.classCount != classes.names.size || output.classes != classes.names.size) {
            throw MalformedException("classes, model.num_classes and outputs[0].shape disagree")
        }
        return ModelManifest(
            variant = model.variant,
            weightsName = weights.name,
            weightsSource = weights.source,
            weightsAreRandom = weights.random,
            licence = weights.licence,
            inputHeight = input.height,
            inputWidth = input.width,
            mean = input.mean,
            std = input.std,
            outputHeight = output.height,
            outputWidth = output.width,
            outputStride = OUTPUT_STRIDE,
            dataset = classes.dataset,
            classNames = classes.names,
            palette = classes.palette,
            fileName = file.name,
            fileSizeBytes = file.sizeBytes,
            fileSha256 = file.sha256,
            target = file.target,
            precision = file.precision,
            runtimeVersions = file.libraries,
            proofPassed = proofPassed,
        )
    }

    private class Model(val variant: String, val classCount: Int)

    private fun Fields.model(): Model {
        optional("task")?.literal("semantic-segmentation")
        this["fused_channels"].count()
        this["depthwise_head"].boolean()
        return Model(this["variant"].short(), this["num_classes"].int(CLASS_COUNT))
    }

    private class Weights(val name: String, val source: String, val licence: String, val random: Boolean)

    private fun Fields.weights(): Weights {
        this["sha256"].sha256()
        val seed = optional("random_seed")?.takeUnless { it.isNull }?.long(Long.MIN_VALUE..Long.MAX_VALUE)
        return Weights(this["name"].short(), this["source"].short(), this["licence"].short(), random = seed != null)
    }

    private class Input(val height: Int, val width: Int, val mean: FloatArray, val std: FloatArray)

    private fun Fields.input(): Input {
        optional("dtype")?.literal("float32")
        optional("layout")?.literal("NCHW")
        optional("colour_order")?.literal("RGB")
        optional("resize")?.literal("stretch-bilinear")
        return Input(
            height = this["height"].int(SIDE),
            width = this["width"].int(SIDE),
            mean = this["mean"].triple(),
            std = this["std"].triple().also { if (it.any { value -> value == 0f }) this["std"].fail("must not be 0") },
        )
    }

    private class Output(val classes: Int, val height: Int, val width: Int)

    private fun Fields.output(): Output {
        optional("dtype")?.literal("float32")
        this["meaning"].literal("logits")
        this["stride"].int(OUTPUT_STRIDE..OUTPUT_STRIDE)
        val (batch, classes, height, width) = this["shape"].items(4, "[1, classes, height, width]")
        batch.int(1..1)
        val output = Output(classes.int(CLASS_COUNT), height.int(SIDE), width.int(SIDE))
        if (output.classes.toLong() * output.height * output.width > MOST_LOGITS) {
            this["shape"].fail("is too large for a phone")
        }
        return output
    }

    private class Classes(val dataset: String, val names: List<String>, val palette: IntArray)

    private fun Fields.classes(): Classes {
        val names = this["names"].items().map { it.short() }
        val colours = this["palette"].items().map { colour ->
            colour.items(3, "a colour").fold(0xFF) { argb, channel -> (argb shl 8) or channel.int(0..255) }
        }
        if (names.size != colours.size) this["palette"].fail("has ${colours.size} colours for ${names.size} names")
        return Classes(this["dataset"].short(), names, colours.toIntArray())
    }

    private class File(
        val name: String,
        val sha256: String,
        val sizeBytes: Long,
        val target: String,
        val precision: String,
        val libraries: Map<String, String>,
    )

    private fun Fields.file() = File(
        name = this["name"].short(),
        sha256 = this["sha256"].sha256(),
        sizeBytes = this["size_bytes"].count(),
        target = this["target"].short(),
        precision = this["precision"].short(),
        libraries = this["libraries"].members().mapValues { (_, version) -> version.string() },
    )

    private val SIDE = 1..4096
    private val CLASS_COUNT = 1..65535
    private const val OUTPUT_STRIDE = 8
    private const val NOT_UNDERSTOOD = "The manifest is not one this app understands."
}

internal fun Node.short(): String = string(longest = 1000)

internal fun Node.count(): Long = long(0..Long.MAX_VALUE)

internal fun <T> Node.unlessNull(read: Fields.() -> T): T? = if (isNull) null else fields(read)

private fun Node.triple(): FloatArray {
    val channels = items(3, "red, green and blue")
    return FloatArray(3) { channels[it].double().toFloat() }
        .also { if (it.any { value -> !value.isFinite() }) fail("has a number too large for float32") }
}
