package io.topformer.core

import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.nio.FloatBuffer
import java.security.MessageDigest
import kotlin.random.Random
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith

class GoldenTest {
    private val bytes = Vectors.bytes("example.golden")
    private val golden = GoldenReader.read(bytes)
    private val manifest = ManifestReader.read(Vectors.bytes("manifest.json"))
    private val boxBytes = Vectors.bytes("boxes.golden")
    private val detector = ManifestReader.read(Vectors.bytes("detector.json"))

    /** The example with other bytes at [offset], and a hash that fits again. */
    private fun altered(offset: Int, vararg other: Int, bytes: ByteArray = this.bytes): ByteArray {
        val body = bytes.copyOf(bytes.size - 32)
        for ((i, byte) in other.withIndex()) body[offset + i] = byte.toByte()
        return body + MessageDigest.getInstance("SHA-256").digest(body)
    }

    private fun reasonFor(bytes: ByteArray): String {
        val error = assertFailsWith<GoldenException> { GoldenReader.read(bytes) }
        assertEquals("The model's golden file can't be used.", error.what)
        return error.why
    }

    @Test
    fun `the picture and its credit are read`() {
        assertEquals("scattered bytes, by nobody \u2713", golden.credit)
        assertEquals(64 to 96, golden.height to golden.width)
        val rgb = Vectors.scattered(3 * golden.pixels.size)
        val expected = rgb.map { it.toInt() and 0xFF }.chunked(3)
        assertEquals(expected, golden.pixels.map { listOf(it shr 16 and 0xFF, it shr 8 and 0xFF, it and 0xFF) })
        assertEquals(setOf(0xFF), golden.pixels.map { it ushr 24 }.toSet())
    }

    @Test
    fun `its input is that of the export, to the bit`() {
        val out = FloatBuffer.allocate(3 * 64 * 96)
        golden.writeInput(Preprocessor(64, 96, manifest.mean, manifest.std), out)
        val other = manifest.mean.clone().also { it[1] = Math.nextUp(it[1]) }
        assertEquals(
            "This device makes another input of its picture.",
            assertFailsWith<GoldenException> { golden.writeInput(Preprocessor(64, 96, other, manifest.std), out) }.why,
        )
    }

    @Test
    fun `answers are judged as Python judges them`() {
        assertEquals(listOf(true, true, true, false, false, false), verdicts(golden, Vectors.answers, manifest))
        val ofBoxes = GoldenReader.read(boxBytes).also { it.checkBelongsTo(detector) }
        assertEquals(listOf(true, true, false, false, false, false, false), verdicts(ofBoxes, Vectors.boxAnswers, detector))
    }

    private fun verdicts(golden: GoldenVector, answers: List<AnswerVector>, manifest: ModelManifest) = answers.map { answer ->
        val result = golden.compare(answer.outputs.map { it.floats() }, manifest)
        assertEquals(answer.sqnrDb, result.sqnrDb, 1e-6)
        assertEquals(answer.agreement, result.agreement, 1e-12)
        assertEquals(answer.passed, result.passed)
        result.passed
    }

    @Test
    fun `it is of one task`() {
        // Both samples name the same file.
        for ((bytes, other) in listOf(bytes to detector, boxBytes to manifest)) {
            val error = assertFailsWith<GoldenException> { GoldenReader.read(bytes).checkBelongsTo(other) }
            assertEquals("Its sizes are not those of the manifest.", error.why)
        }
        val otherLevels = GoldenReader.read(altered(24, 1, bytes = boxBytes))
        assertFailsWith<GoldenException> { otherLevels.checkBelongsTo(detector) }
    }

    @Test
    fun `boxes that can't be are refused`() {
        val boxes = boxBytes.size - 32 - 24 * ByteBuffer.wrap(boxBytes).order(ByteOrder.LITTLE_ENDIAN).getInt(28)
        val one = 1f.toRawBits()
        val impossible = mapOf(
            altered(24, 17, bytes = boxBytes) to "Its header holds 17, not 1 to 16.",
            altered(29, 4, bytes = boxBytes) to "Its header holds 1124, not 0 to 1000.",
            altered(28, 1, bytes = boxBytes) to "Its length is not what its header says.",
            altered(boxes + 2, 0x80, 0x7F, bytes = boxBytes) to "Its answers are no numbers.",
            altered(boxes + 16, one + 1, one shr 8, one shr 16, one shr 24, bytes = boxBytes) to "Its answers are no numbers.",
            altered(boxes + 20, 2, bytes = boxBytes) to "Its answers are no boxes.",
            altered(boxes + 23, 0x80, bytes = boxBytes) to "Its answers are no boxes.",
        )
        for ((bytes, reason) in impossible) assertEquals(reason, reasonFor(bytes))
    }

    @Test
    fun `it belongs to one model file`() {
        golden.checkBelongsTo(manifest)
        val otherModel = GoldenReader.read(altered(64, 1))
        assertEquals(
            "It was made for a model file with another hash.",
            assertFailsWith<GoldenException> { otherModel.checkBelongsTo(manifest) }.why,
        )
        for (offset in listOf(20, 24, 28)) {
            val otherShape = GoldenReader.read(altered(offset, 7))
            assertEquals(
                "Its sizes are not those of the manifest.",
                assertFailsWith<GoldenException> { otherShape.checkBelongsTo(manifest) }.why,
            )
        }
    }

    @Test
    fun `every value out of range is refused`() {
        fun int(value: Int) = ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putInt(value).array()
        fun double(value: Double) = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putDouble(value).array()
        fun float(value: Float) = int(value.toRawBits())
        val samples = bytes.size - 32 - 512 * 10
        val values = listOf(12, 16, 24, 28, 32).flatMap { listOf(it to int(0), it to int(4097), it to int(-1)) } +
            listOf(20 to int(0), 20 to int(65536), 36 to int(1001), 36 to int(-1)) +
            listOf(40, 48, 56).flatMap { listOf(it to double(Double.NaN), it to double(Double.POSITIVE_INFINITY)) } +
            listOf(48 to double(1.5), 48 to double(-0.1))
        for ((offset, value) in values) {
            val reason = reasonFor(altered(offset, *value.map { it.toInt() }.toIntArray()))
            assertEquals("Its header holds", reason.take(16), "$offset: $reason")
        }
        assertEquals("It does not begin as one.", reasonFor(altered(0, 'X'.code)))
        assertEquals("Its version is 3, not 1 or 2.", reasonFor(altered(8, 3)))
        assertEquals("Its length is not what its header says.", reasonFor(altered(12, 65)))
        assertEquals("Its length is not what its header says.", reasonFor(altered(13, 8, 0, 0, 0, 8)))
        assertEquals("Its credit is no text.", reasonFor(altered(128, 0xFF)))
        for (value in listOf(Float.NaN, Float.NEGATIVE_INFINITY)) {
            val other = float(value).map { it.toInt() }.toIntArray()
            assertEquals("Its answers are no numbers.", reasonFor(altered(samples, *other)))
        }
        val margin = float(Float.NaN).map { it.toInt() }.toIntArray()
        assertEquals("Its answers are no numbers.", reasonFor(altered(samples + 512 * 6, *margin)))
    }

    @Test
    fun `a margin may be infinite, as of a single class`() {
        val margin = bytes.size - 32 - 4
        val infinite = Float.POSITIVE_INFINITY.toRawBits()
        val altered = altered(margin, infinite, infinite shr 8, infinite shr 16, infinite shr 24)
        assertEquals(Float.POSITIVE_INFINITY, (GoldenReader.read(altered).answers as LabelAnswers).margins.last())
    }

    @Test
    fun `any damage is noticed and any other bytes are refused`() {
        val random = Random(6)
        for (length in listOf(0, 7, 127, 128, 160, bytes.size - 1)) reasonFor(bytes.copyOf(length))
        reasonFor(bytes + 0)
        repeat(300) {
            val damaged = bytes.clone()
            val place = random.nextInt(bytes.size)
            damaged[place] = (damaged[place].toInt() xor random.nextInt(1, 256)).toByte()
            reasonFor(damaged)
            reasonFor(random.nextBytes(random.nextInt(300)))
        }
    }
}
