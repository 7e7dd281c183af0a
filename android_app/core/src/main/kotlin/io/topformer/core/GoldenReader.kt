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
        if (version != LABELS && version != BOXES) refuse("its version is $version, not $LABELS or $BOXES")
        val ofLabels = version == LABELS
        val height = buffer.int(1..LARGEST_SIDE)
        val width = buffer.int(1..LARGEST_SIDE)
        val classes = buffer.int(1..65535)
        // Of labels the sides of the logits; of boxes how many levels there are, and how many boxes.
        val first = buffer.int(if (ofLabels) 1..LARGEST_SIDE else 1..MOST_LEVELS)
        val second = buffer.int(if (ofLabels) 1..LARGEST_SIDE else 0..MOST_BOXES)
        val samples = buffer.int(1..4096)
        val creditBytes = buffer.int(0..1000)
        val requiredSqnrDb = buffer.double(-Double.MAX_VALUE..Double.MAX_VALUE)
        val requiredAgreement = buffer.double(0.0..1.0)
        val tie = buffer.double(-Double.MAX_VALUE..Double.MAX_VALUE)
        val modelSha256 = buffer.sha256()
        val inputSha256 = buffer.sha256()
        val answerBytes = if (ofLabels) samples * LABEL_SAMPLE_BYTES else samples * BOX_SAMPLE_BYTES + second * BOX_BYTES
        val bodyBytes = creditBytes + 3L * height * width + answerBytes
        if (bytes.size - bodyBytes != HEADER_BYTES + SHA256_BYTES) refuse("its length is not what its header says")
        val contentBytes = bytes.size - SHA256_BYTES
        val seal = ByteBuffer.wrap(bytes, contentBytes, SHA256_BYTES)
        if (seal.sha256() != sha256(bytes, contentBytes)) refuse("it was damaged: its hash is another")
        return GoldenVector(
            credit = buffer.text(creditBytes),
            height = height,
            width = width,
            pixels = IntArray(height * width) { buffer.pixel() },
            modelSha256 = modelSha256,
            inputSha256 = inputSha256,
            requiredSqnrDb = requiredSqnrDb,
            requiredAgreement = requiredAgreement,
            answers = if (ofLabels) {
                LabelAnswers(
                    classes = classes,
                    logitsHeight = first,
                    logitsWidth = second,
                    tieMargin = tie,
                    logits = buffer.numbers(samples),
                    labels = ShortArray(samples) { buffer.short },
                    margins = FloatArray(samples) { buffer.number { !it.isNaN() } },
                )
            } else {
                BoxAnswers(
                    classes = classes,
                    levels = first,
                    tieScore = tie,
                    logits = buffer.numbers(samples),
                    offsets = buffer.numbers(samples),
                    boxes = buffer.boxes(second, classes),
                )
            },
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

    private fun ByteBuffer.numbers(count: Int) = FloatArray(count) { number { it.isFinite() } }

    private fun ByteBuffer.boxes(count: Int, classes: Int): Boxes {
        val boxes = Boxes(count)
        repeat(count) {
            val corners = numbers(4)
            val score = number { it in 0f..1f }
            val label = int
            if (label !in 0 until classes) refuse("its answers are no boxes")
            boxes.add(corners, 0, score, label)
        }
        return boxes
    }

    private fun ByteBuffer.number(allowed: (Float) -> Boolean): Float =
        float.also { if (!allowed(it)) refuse("its answers are no numbers") }

    private fun refuse(why: String): Nothing =
        throw GoldenException("The model's golden file can't be used.", why.replaceFirstChar { it.uppercase() } + ".")

    // "TOPFGOLD" in the file's order of bytes.
    private const val MAGIC = 0x444C4F4746504F54L

    // Versions.
    private const val LABELS = 1
    private const val BOXES = 2
    private const val HEADER_BYTES = 128L
    private const val SHA256_BYTES = 32
    private const val LABEL_SAMPLE_BYTES = 10L
    private const val BOX_SAMPLE_BYTES = 8L
    private const val BOX_BYTES = 24L
    private const val MOST_LEVELS = 16
    private const val MOST_BOXES = 1000
    private const val LARGEST_SIDE = 4096
}
