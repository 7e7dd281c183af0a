package io.topformer.core

import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.security.MessageDigest
import java.util.HexFormat

/** What `tests/android/core_vectors.py` wrote. */
internal object Vectors {
    fun bytes(name: String): ByteArray =
        checkNotNull(javaClass.getResourceAsStream("/$name")) { "no $name among the test resources" }.readBytes()

    fun json(name: String): Node = Node(parseJson(bytes(name)), "")

    /** As `scattered` there. */
    fun scattered(count: Int): ByteArray = ByteArray(count) { ((it * 2654435761L) ushr 24).toByte() }

    fun sha256(values: FloatArray): String {
        val bytes = ByteBuffer.allocate(values.size * 4).order(ByteOrder.LITTLE_ENDIAN)
        bytes.asFloatBuffer().put(values)
        return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes.array()))
    }
}

internal fun Node.floats(): FloatArray {
    val buffer = ByteBuffer.wrap(base64(1 shl 24)).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer()
    return FloatArray(buffer.remaining()).also(buffer::get)
}

internal fun Node.shorts(): ShortArray {
    val buffer = ByteBuffer.wrap(base64(1 shl 24)).order(ByteOrder.LITTLE_ENDIAN).asShortBuffer()
    return ShortArray(buffer.remaining()).also(buffer::get)
}

internal fun Fields.size(name: String): Int = this[name].int(0..100_000)
