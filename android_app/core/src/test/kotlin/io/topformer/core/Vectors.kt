package io.topformer.core

import kotlinx.serialization.Serializable
import kotlinx.serialization.json.JsonArray
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.security.MessageDigest
import java.util.Base64
import java.util.HexFormat

/** What `tests/support/core_vectors.py` wrote. */
internal object Vectors {
    fun bytes(name: String): ByteArray =
        checkNotNull(javaClass.getResourceAsStream("/$name")) { "no $name among the test resources" }.readBytes()

    val preprocess: PreprocessVectors by lazy { JSON.decodeFromString(text("preprocess.json")) }
    val labels: List<LabelVector> by lazy { JSON.decodeFromString(text("labels.json")) }
    val answers: List<AnswerVector> by lazy { JSON.decodeFromString(text("answers.json")) }
    val boxAnswers: List<AnswerVector> by lazy { JSON.decodeFromString(text("box-answers.json")) }
    val boxes: List<BoxVector> by lazy { JSON.decodeFromString(text("boxes.json")) }

    fun edits(name: String): List<JsonArray> = JSON.decodeFromString(text(name))

    private fun text(name: String) = bytes(name).decodeToString()

    /** As `scattered` there. */
    fun scattered(count: Int): ByteArray = ByteArray(count) { ((it * 2654435761L) ushr 24).toByte() }

    fun sha256(values: FloatArray): String {
        val bytes = ByteBuffer.allocate(values.size * 4).order(ByteOrder.LITTLE_ENDIAN)
        bytes.asFloatBuffer().put(values)
        return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes.array()))
    }
}

@Serializable
internal class PreprocessVectors(
    val mean: List<Double>,
    val std: List<Double>,
    val height: Int,
    val width: Int,
    val pictures: List<PictureVector>,
    val frames: List<FrameVector>,
)

@Serializable
internal class PictureVector(val height: Int, val width: Int, val levels: String, val tensorSha256: String)

@Serializable
internal class FrameVector(
    val height: Int,
    val width: Int,
    val rotationDegrees: Int,
    val mirror: Boolean,
    val levels: String,
)

@Serializable
internal class LabelVector(
    val name: String,
    val shape: List<Int>,
    val height: Int,
    val width: Int,
    val logits: String,
    val labels: String,
)

@Serializable
internal class AnswerVector(val outputs: List<String>, val sqnrDb: Double, val agreement: Double, val passed: Boolean)

@Serializable
internal class BoxVector(
    val name: String,
    val info: DetectionInfo,
    val height: Int,
    val width: Int,
    val classes: Int,
    val outputs: List<String>,
    val corners: List<Float>,
    val scores: List<Float>,
    val labels: List<Int>,
)

/** Of base64. */
internal fun String.bytes(): ByteArray = Base64.getDecoder().decode(this)

internal fun String.floats(): FloatArray {
    val buffer = ByteBuffer.wrap(bytes()).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer()
    return FloatArray(buffer.remaining()).also(buffer::get)
}

internal fun String.shorts(): ShortArray {
    val buffer = ByteBuffer.wrap(bytes()).order(ByteOrder.LITTLE_ENDIAN).asShortBuffer()
    return ShortArray(buffer.remaining()).also(buffer::get)
}
