package io.topformer.core

import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.boolean
import kotlinx.serialization.json.int
import kotlinx.serialization.json.jsonPrimitive
import kotlin.random.Random
import kotlin.test.Test
import kotlin.test.assertContentEquals
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertNotNull
import kotlin.test.assertTrue

class ManifestReaderTest {
    private val sample = Vectors.bytes("manifest.json").decodeToString()

    private val detector = Vectors.bytes("detector.json").decodeToString()

    private fun read(text: String) = ManifestReader.read(text.toByteArray())

    private fun reasonFor(text: String): String {
        val error = assertFailsWith<ManifestException> { read(text) }
        assertEquals("The manifest is not one this app understands.", error.what)
        return error.why
    }

    private fun edited(from: String, to: String): String {
        assertTrue(from in sample, "the sample has no $from")
        return sample.replaceFirst(from, to)
    }

    @Test
    fun `everything the app needs is read`() {
        val manifest = read(sample)
        assertEquals("tiny", manifest.variant)
        assertEquals("topformer-tiny-example", manifest.weightsName)
        assertEquals("tests", manifest.weightsSource)
        assertEquals(true, manifest.weightsAreRandom)
        assertEquals("none: an example", manifest.licence)
        assertEquals(64 to 96, manifest.inputHeight to manifest.inputWidth)
        assertContentEquals(floatArrayOf(123.675f, 116.28f, 103.53f), manifest.mean)
        assertContentEquals(floatArrayOf(58.395f, 57.12f, 57.375f), manifest.std)
        assertEquals(8 to 12, manifest.outputHeight to manifest.outputWidth)
        assertContentEquals(longArrayOf(1, 2, 8, 12), manifest.outputShapes.single())
        assertEquals(null, manifest.detection)
        assertEquals(2, manifest.classCount)
        assertEquals("example", manifest.dataset)
        assertEquals(listOf("sky", "b\u00e4ume"), manifest.classNames)
        assertContentEquals(intArrayOf(0xFF4682B4.toInt(), 0xFF00FF07.toInt()), manifest.palette)
        assertEquals("example.pte", manifest.fileName)
        assertEquals(5_000_000_000, manifest.fileSizeBytes)
        assertEquals("fedcba9876543210".repeat(4), manifest.fileSha256)
        assertEquals("xnnpack", manifest.target)
        assertEquals("fp32", manifest.precision)
        assertEquals(mapOf("executorch" to "1.5.1"), manifest.runtimeVersions)
        assertEquals(true, manifest.proofPassed)
    }

    @Test
    fun `how a detector's boxes are made is read`() {
        val manifest = read(detector)
        val shapes = listOf("[1, 4, 8, 12]", "[1, 2, 2, 3]", "[1, 8, 8, 12]", "[1, 4, 2, 3]")
        assertEquals(shapes, manifest.outputShapes.map { it.contentToString() })
        val detection = assertNotNull(manifest.detection)
        assertEquals(listOf(8L, 36L), detection.levels.map { it.stride })
        assertContentEquals(floatArrayOf(-16f, -8f, 16f, 8f, -5.5f, -11f, 5.5f, 11f), detection.levels[0].anchors)
        assertEquals(listOf(0.05, 1000, 0.5f, 100), detection.run { listOf(scoreThreshold, candidatesPerLevel, nmsIou, mostBoxes) })
        assertEquals(4.1351666f, detection.largestLogScale)
    }

    @Test
    fun `what Python refuses is refused, and what it takes is taken`() {
        assertAgreesWithPython(sample, Vectors.edits("manifest-edits.json"), 100)
        assertAgreesWithPython(detector, Vectors.edits("detector-edits.json"), 30)
    }

    private fun assertAgreesWithPython(sample: String, edits: List<JsonArray>, least: Int) {
        var taken = 0
        for (edit in edits) {
            val (at, remove, insert, usable) = edit.map { it.jsonPrimitive }
            val text = sample.replaceRange(at.int, at.int + remove.int, insert.content)
            val problem = runCatching { read(text) }.exceptionOrNull()
            assertTrue(problem == null || problem is ManifestException, "$problem for $insert at $at")
            val stricter = usable.boolean && problem != null && TWICE in problem.why
            assertEquals(usable.boolean, problem == null || stricter, "$insert at $at: $problem")
            if (problem == null) taken++
        }
        assertTrue(taken in least..edits.size * 3 / 4, "$taken of ${edits.size} taken")
    }

    @Test
    fun `what a newer minor version adds is ignored, and other major versions are refused`() {
        val newer = edited("topformer.manifest/1.2", "topformer.manifest/1.12")
            .replace("\"variant\"", "\"colour\": {\"a\": [1]}, \"variant\"")
        assertEquals("tiny", read(newer).variant)
        for (version in listOf("2", "2.1", "0", "11", "1.", "1.x", "1.2.3", "")) {
            val why = reasonFor(edited("topformer.manifest/1.2", "topformer.manifest/$version"))
            assertEquals("In it, schema is 'topformer.manifest/$version', not topformer.manifest/1.", why)
        }
    }

    @Test
    fun `reasons name the place`() {
        val reasons = mapOf(
            edited("\"height\": 64", "\"height\": 5000") to "In it, input.height is 5000, not 1 to 4096.",
            edited("\"height\": 64,", "") to "In it, input.height is missing.",
            edited("130", "256") to "In it, classes.palette[0][1] is 256, not 0 to 255.",
            edited("\"num_classes\": 2", "\"num_classes\": 3") to
                "In it, classes and model.num_classes disagree.",
            edited("\"semantic-segmentation\"", "\"depth\"") to
                "In it, model.task is 'depth', which this app does not know.",
            edited("\"semantic-segmentation\"", "\"object-detection\"") to "In it, detection is missing.",
            "[]" to "In it, the document must be an object.",
            "{" to "In it, it ends too early, at character 1.",
        )
        for ((text, reason) in reasons) assertEquals(reason, reasonFor(text))
    }

    @Test
    fun `a deviation of zero is refused`() {
        for (zero in listOf("0", "-0.0", "1e-60")) {
            assertEquals(ZERO_DEVIATION, reasonFor(edited("57.12", zero)))
        }
        assertEquals("In it, input.mean has a number beyond a million.", reasonFor(edited("123.675", "1e60")))
    }

    // What Python takes and no phone can use.

    @Test
    fun `an output that no phone holds is refused`() {
        val (names, colours) = listOf("\"a\"", "[1, 2, 3]").map { one -> List(600) { one }.joinToString() }
        val text = edited("\"num_classes\": 2", "\"num_classes\": 600")
            .replace(Regex("2,\\s+8,\\s+12"), "600, 4096, 4096")
            .replace(Regex("\"names\": \\[[^]]*]"), "\"names\": [$names]")
            .replace(Regex("\"palette\": \\[[^]]*][^]]*][^]]*]"), "\"palette\": [$colours]")
        assertEquals("In it, outputs are too large for a phone.", reasonFor(text))
    }

    @Test
    fun `a manifest above the limit is refused unread`() {
        val bytes = ByteArray(ManifestReader.LIMIT_BYTES + 1)
        val error = assertFailsWith<ManifestException> { ManifestReader.read(bytes) }
        assertEquals("It is larger than 16 MB.", error.why)
    }

    @Test
    fun `damaged bytes never end in anything but a message`() {
        val random = Random(1)
        val bytes = sample.toByteArray()
        repeat(3000) {
            val damaged = bytes.copyOf(if (random.nextInt(4) == 0) random.nextInt(bytes.size) else bytes.size)
            if (damaged.isNotEmpty()) {
                repeat(random.nextInt(1, 4)) { damaged[random.nextInt(damaged.size)] = random.nextInt().toByte() }
            }
            val problem = runCatching { ManifestReader.read(damaged) }.exceptionOrNull()
            assertTrue(problem == null || problem is ManifestException, "$problem for ${damaged.decodeToString()}")
        }
    }

    private companion object {
        const val TWICE = "comes twice"
        const val ZERO_DEVIATION = "In it, input.std must not be 0."
    }
}
