package io.topformer.core

import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.nio.charset.CharacterCodingException

/** Reads `NAME.golden`, whose layout `topformer/android/golden.py` tells. */
public object GoldenReader {
    /** As GOLDEN_LIMIT_BYTES in Python; check a file's size before reading it. */
    public const val LIMIT_BYTES: Int = 64 shl 20

    /** Reads a golden file; throws [GoldenException] when anything of it is wrong. */
    public fun read(bytes: ByteArray): GoldenVector {
        if (bytes.size > LIMIT_BYTES) refuse("it is larger than ${LIMIT_BYTES shr 20} MB")
        val buffer = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN)
        if (bytes.size < HEADER_BYTES || buffer.long != MAGIC) refuse("it does not begin as one")
        val version = buffer.int
        if (version != VERSION) refuse("its version is $version, not $VERSION")
        val height = buffer.int(1..LARGEST_SIDE)
        val width = buffer.int(1..LARGEST_SIDE)
        val classes = buffer.int(1..65535)
        val logitsHeight = buffer.int(1..LARGEST_SIDE)
        val logitsWidth = buffer.int(1..LARGEST_SIDE)
        val samples = buffer.int(1..4096)
        val creditBytes = buffer.int(0..1000)
        val requiredSqnrDb = buffer.double(-Double.MAX_VALUE..Double.MAX_VALUE)
        val requiredAgreement = buffer.double(0.0..1.0)
        val tieMargin = buffer.double(-Double.MAX_VALUE..Double.MAX_VALUE)
        val modelSha256 = buffer.sha256()
        val inputSha256 = buffer.sha256()
        val bodyBytes = creditBytes + 3L * height * width + samples * SAMPLE_BYTES
        if (bytes.size - bodyBytes != HEADER_BYTES + SHA256_BYTES) refuse("its length is not what its header says")
        val contentBytes = bytes.size - SHA256_BYTES
        val seal = ByteBuffer.wrap(bytes, contentBytes, SHA256_BYTES)
        if (seal.sha256() != sha256(bytes, contentBytes)) refuse("it was damaged: its hash is another")
        return GoldenVector(
            credit = buffer.text(creditBytes),
            height = height,
            width = width,
            pixels = IntArray(height * width) { buffer.pixel() },
            classes = classes,
            logitsHeight = logitsHeight,
            logitsWidth = logitsWidth,
            modelSha256 = modelSha256,
            inputSha256 = inputSha256,
            requiredSqnrDb = requiredSqnrDb,
            requiredAgreement = requiredAgreement,
            tieMargin = tieMargin,
            logits = FloatArray(samples) { buffer.number { it.isFinite() } },
            labels = ShortArray(samples) { buffer.short },
            margins = FloatArray(samples) { buffer.number { !it.isNaN() } },
        )
    }

    private fun ByteBuffer.int(range: IntRange): Int =
        int.also { if (it !in range) refuse("its header holds $it, not ${range.first} to ${range.last}") }

    private fun ByteBuffer.double(range: ClosedRange<Double>): Double =
        double.also { if (it !in range) refuse("its header holds $it, not ${range.start} to ${range.endInclusive}") }

    private fun ByteBuffer.sha256(): String = ByteArray(SHA256_BYTES).also(::get).joinToString("") { "%02x".format(it) }

    private fun ByteBuffer.text(size: Int): String = try {
        val text = ByteArray(size).also(::get)
        Charsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(text)).toString()
    } catch (_: CharacterCodingException) {
        refuse("its credit is no text")
    }

    private fun ByteBuffer.pixel(): Int {
        val red = get().toInt() and 0xFF
        val green = get().toInt() and 0xFF
        val blue = get().toInt() and 0xFF
        return (0xFF shl 24) or (red shl 16) or (green shl 8) or blue
    }

    private fun ByteBuffer.number(allowed: (Float) -> Boolean): Float =
        float.also { if (!allowed(it)) refuse("its answers are no numbers") }

    private fun refuse(why: String): Nothing =
        throw GoldenException("The model's golden file can't be used.", why.replaceFirstChar { it.uppercase() } + ".")

    // "TOPFGOLD" in the file's order of bytes.
    private const val MAGIC = 0x444C4F4746504F54L
    private const val VERSION = 1
    private const val HEADER_BYTES = 128L
    private const val SHA256_BYTES = 32
    private const val SAMPLE_BYTES = 10L
    private const val LARGEST_SIDE = 4096
}
