package io.topformer.core

import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.nio.FloatBuffer
import java.security.MessageDigest

/**
 * One picture and what the float64 network says of it, by which the app checks itself at start.
 *
 * Read by [GoldenReader] from `NAME.golden`, whose layout `topformer/android/golden.py` tells.
 */
public class GoldenVector internal constructor(
    /** What the picture is and whom to credit; to be shown wherever the picture is. */
    public val credit: String,
    public val height: Int,
    public val width: Int,
    /** Rows of 0xFFRRGGBB. */
    public val pixels: IntArray,
    private val modelSha256: String,
    private val inputSha256: String,
    /** The least that [compare] must find to pass. */
    public val requiredSqnrDb: Double,
    public val requiredAgreement: Double,
    internal val answers: GoldenAnswers,
) {
    /** How well found outputs agree with the expected ones. */
    public class Result internal constructor(
        public val passed: Boolean,
        /** Signal-to-quantisation-noise ratio; 300 where nothing differs, -300 where something is not finite. */
        public val sqnrDb: Double,
        /** Share of the sampled labels that are equal, or of the boxes that have a partner; ties forgiven. */
        public val agreement: Double,
    )

    /** Throws [GoldenException] when this belongs to another model file or to one of another shape. */
    public fun checkBelongsTo(manifest: ModelManifest) {
        if (modelSha256 != manifest.fileSha256) refuse("It was made for a model file with another hash.")
        val fits = height == manifest.inputHeight && width == manifest.inputWidth && answers.fit(manifest)
        if (!fits) refuse("Its sizes are not those of the manifest.")
    }

    /** Writes the picture's tensor; throws [GoldenException] when it is not that of the export, bit for bit. */
    public fun writeInput(preprocessor: Preprocessor, out: FloatBuffer) {
        preprocessor.fromArgb(pixels, width, height, out)
        val bytes = ByteBuffer.allocate(3 * height * width * Float.SIZE_BYTES).order(ByteOrder.LITTLE_ENDIAN)
        for (i in 0 until 3 * height * width) bytes.putFloat(out.get(i))
        if (sha256(bytes.array()) != inputSha256) refuse("This device makes another input of its picture.")
    }

    /** Compares all outputs that a runtime found for the picture, by a model that this belongs to, with the samples. */
    public fun compare(outputs: List<FloatArray>, manifest: ModelManifest): Result {
        val sqnrDb = answers.sqnrDb(outputs)
        val agreement = answers.agreement(outputs, manifest)
        return Result(sqnrDb >= requiredSqnrDb && agreement >= requiredAgreement, sqnrDb, agreement)
    }
}

internal fun sha256(bytes: ByteArray, size: Int = bytes.size): String {
    val digest = MessageDigest.getInstance("SHA-256").apply { update(bytes, 0, size) }.digest()
    return digest.joinToString("") { "%02x".format(it) }
}

private fun refuse(why: String): Nothing = throw GoldenException("The model can't be checked on this device.", why)
