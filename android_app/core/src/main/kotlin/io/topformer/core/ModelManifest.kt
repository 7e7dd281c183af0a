package io.topformer.core

/** What the app needs to know of a model file, from the manifest beside it. */
public class ModelManifest internal constructor(
    public val variant: String,
    public val weightsName: String,
    public val weightsSource: String,
    public val weightsAreRandom: Boolean,
    public val licence: String,
    public val inputHeight: Int,
    public val inputWidth: Int,
    /** Of red, green and blue, for values from 0 to 255. */
    public val mean: FloatArray,
    public val std: FloatArray,
    public val outputHeight: Int,
    public val outputWidth: Int,
    public val outputStride: Int,
    public val dataset: String,
    /** By class id. */
    public val classNames: List<String>,
    /** By class id, 0xFFRRGGBB. */
    public val palette: IntArray,
    public val fileName: String,
    public val fileSizeBytes: Long,
    public val fileSha256: String,
    public val target: String,
    public val precision: String,
    /** The libraries that wrote the file: name to version. */
    public val runtimeVersions: Map<String, String>,
    /** Whether the export's proof passed; null where there was none. */
    public val proofPassed: Boolean?,
) {
    public val classCount: Int get() = classNames.size
}
