package io.topformer.core

import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.nio.FloatBuffer
import java.security.MessageDigest
import kotlin.math.log10

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
    private val classes: Int,
    private val logitsHeight: Int,
    private val logitsWidth: Int,
    private val modelSha256: String,
    private val inputSha256: String,
    /** The least that [compare] must find to pass. */
    public val requiredSqnrDb: Double,
    public val requiredAgreement: Double,
    private val tieMargin: Double,
    internal val logits: FloatArray,
    internal val labels: ShortArray,
    internal val margins: FloatArray,
) {
    /** How well found logits agree with the expected ones. */
    public class Result internal constructor(
        public val passed: Boolean,
        /** Signal-to-quantisation-noise ratio; 300 where nothing differs, -300 where something is not finite. */
        public val sqnrDb: Double,
        /** Share of the sampled labels that are equal, ties forgiven. */
        public val labelAgreement: Double,
    )

    /** Throws [GoldenException] when this belongs to another model file or to one of another shape. */
    public fun checkBelongsTo(manifest: ModelManifest) {
        if (modelSha256 != manifest.fileSha256) refuse("It was made for a model file with another hash.")
        val shape = listOf(height, width, classes, logitsHeight, logitsWidth)
        val expected = with(manifest) { listOf(inputHeight, inputWidth, classCount, outputHeight, outputWidth) }
        if (shape != expected) refuse("Its sizes are not those of the manifest.")
    }

    /** Writes the picture's tensor; throws [GoldenException] when it is not that of the export, bit for bit. */
    public fun writeInput(preprocessor: Preprocessor, out: FloatBuffer) {
        preprocessor.fromArgb(pixels, width, height, out)
        val bytes = ByteBuffer.allocate(3 * height * width * Float.SIZE_BYTES).order(ByteOrder.LITTLE_ENDIAN)
        for (i in 0 until 3 * height * width) bytes.putFloat(out.get(i))
        if (sha256(bytes.array()) != inputSha256) refuse("This device makes another input of its picture.")
    }

    /** Compares all logits that a runtime found for the picture with the samples. */
    public fun compare(found: FloatArray): Result {
        val foundLabels = ShortArray(height * width)
        Labeller(classes, logitsHeight, logitsWidth, height, width).label(found, foundLabels)
        val missed = labels.indices.count { i ->
            labels[i] != foundLabels[position(i, foundLabels.size)] && margins[i] > tieMargin
        }
        val agreement = 1.0 - missed.toDouble() / labels.size
        val sqnrDb = sqnrDb(found)
        return Result(sqnrDb >= requiredSqnrDb && agreement >= requiredAgreement, sqnrDb, agreement)
    }

    private fun sqnrDb(found: FloatArray): Double {
        var signal = 0.0
        var noise = 0.0
        for (i in logits.indices) {
            val expected = logits[i].toDouble()
            val difference = expected - found[position(i, found.size)]
            signal += expected * expected
            noise += difference * difference
        }
        return when {
            !noise.isFinite() -> -SQNR_LIMIT_DB
            noise == 0.0 -> SQNR_LIMIT_DB
            else -> (10 * log10(signal / noise)).coerceIn(-SQNR_LIMIT_DB, SQNR_LIMIT_DB)
        }
    }

    private companion object {
        const val SQNR_LIMIT_DB = 300.0

        /** Where sample [i] of an array of [size] elements was taken. */
        fun position(i: Int, size: Int): Int = (i * 2654435761L % size).toInt()
    }
}

internal fun sha256(bytes: ByteArray, size: Int = bytes.size): String {
    val digest = MessageDigest.getInstance("SHA-256").apply { update(bytes, 0, size) }.digest()
    return digest.joinToString("") { "%02x".format(it) }
}

private fun refuse(why: String): Nothing = throw GoldenException("The model can't be checked on this device.", why)
