package io.topformer.core

/** What the app needs to know of a model file, from the manifest beside it. */
public class ModelManifest internal constructor(document: ManifestDocument) {
    public val variant: String = document.model.variant
    public val weightsName: String = document.weights.name
    public val weightsSource: String = document.weights.source
    public val weightsAreRandom: Boolean = document.weights.randomSeed != null
    public val licence: String = document.weights.licence
    public val inputHeight: Int = document.input.height
    public val inputWidth: Int = document.input.width

    /** Of red, green and blue, for values from 0 to 255. */
    public val mean: FloatArray = document.input.mean.map { it.toFloat() }.toFloatArray()
    public val std: FloatArray = document.input.std.map { it.toFloat() }.toFloatArray()

    /** How boxes are made of the outputs; null for a segmentation network, whose one output is the logits. */
    public val detection: Detection? = document.detection?.takeIf { document.model.task == DETECTION }?.let(::Detection)

    /** Of all that the network gives, in that order. */
    public val outputShapes: List<LongArray> = document.outputs.map { it.shape.toLongArray() }

    /** The last two sides of the first output: of a segmentation network's logits. */
    public val outputHeight: Int = document.outputs.first().shape[2].toInt()
    public val outputWidth: Int = document.outputs.first().shape[3].toInt()
    public val dataset: String = document.classes.dataset

    /** By class id. */
    public val classNames: List<String> = document.classes.names

    /** By class id, 0xFFRRGGBB. */
    public val palette: IntArray = document.classes.palette
        .map { colour -> colour.fold(0xFF) { argb, level -> (argb shl 8) or level } }.toIntArray()

    /** As people see them, by class id. Worked out once, where they are first asked for. */
    public val shownNames: List<String> by lazy { classNames.map(::displayName) }
    public val shownPalette: IntArray by lazy { vividPalette(palette) }
    public val fileName: String = document.file.name
    public val fileSizeBytes: Long = document.file.sizeBytes
    public val fileSha256: String = document.file.sha256
    public val target: String = document.file.target
    public val precision: String = document.file.precision

    /** The libraries that wrote the file: name to version. */
    public val runtimeVersions: Map<String, String> = document.file.libraries

    /** Whether the export's proof passed; null where there was none. */
    public val proofPassed: Boolean? = document.parity?.passed

    public val classCount: Int get() = classNames.size
}
