package io.topformer.core

import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.nio.FloatBuffer
import kotlin.math.abs
import kotlin.math.roundToInt
import kotlin.test.Test
import kotlin.test.assertContentEquals
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertTrue

class PreprocessorTest {
    private val vectors = Vectors.preprocess
    private val mean = vectors.mean.map { it.toFloat() }.toFloatArray()
    private val std = vectors.std.map { it.toFloat() }.toFloatArray()
    private val height = vectors.height
    private val width = vectors.width
    private val preprocessor = Preprocessor(height, width, mean, std)

    private fun tensorOf(fill: (FloatBuffer) -> Unit) =
        FloatArray(3 * height * width).also { fill(FloatBuffer.wrap(it)) }

    /** Levels of rows of RGB, as the vectors have them. */
    private fun levelsOf(tensor: FloatArray) = IntArray(tensor.size) {
        val channel = it % 3
        (tensor[channel * height * width + it / 3] * std[channel] + mean[channel]).roundToInt()
    }

    private fun levelsOf(stored: String): IntArray {
        val levels = stored.bytes()
        return IntArray(levels.size) { levels[it].toInt() and 0xFF }
    }

    @Test
    fun `pixels become Python's tensor to the bit`() {
        for (vector in vectors.pictures) {
            val rgb = Vectors.scattered(vector.height * vector.width * 3)
            val pixels = IntArray(vector.height * vector.width) {
                val (red, green, blue) = rgb.slice(3 * it..3 * it + 2).map { level -> level.toInt() and 0xFF }
                (it shl 24) or (red shl 16) or (green shl 8) or blue
            }
            val tensor = tensorOf { preprocessor.fromArgb(pixels, vector.width, vector.height, it) }
            assertEquals(0, differences(levelsOf(vector.levels), levelsOf(tensor)).max(), "${vector.height} x ${vector.width}")
            assertEquals(vector.tensorSha256, Vectors.sha256(tensor))
        }
    }

    @Test
    fun `frames are within a grey level of Python's, turned and mirrored`() {
        for (vector in vectors.frames) {
            val frame = planar(vector.width, vector.height)
            val turn = vector.rotationDegrees
            val mirror = vector.mirror
            val levels = levelsOf(tensorOf { preprocessor.fromYuv(frame.tight(), turn, mirror, it) })
            val differences = differences(levelsOf(vector.levels), levels)
            assertTrue(differences.max() <= 1, "off by ${differences.max()}, turned by $turn, mirrored: $mirror")
            val offByOne = differences.count { it == 1 }
            assertTrue(offByOne <= levels.size / 100, "$offByOne of ${levels.size} off by one")
        }
    }

    private fun differences(a: IntArray, b: IntArray): List<Int> {
        assertEquals(a.size, b.size)
        return a.indices.map { abs(a[it] - b[it]) }
    }

    @Test
    fun `strides are only a way to store`() {
        for ((frameWidth, frameHeight) in listOf(61 to 35, 64 to 48, 1 to 1)) {
            val planes = planar(frameWidth, frameHeight)
            for (turn in listOf(0, 90, 180, 270)) {
                val expected = tensorOf { preprocessor.fromYuv(planes.tight(), turn, true, it) }
                for (frame in listOf(planes.padded(), planes.interleaved(true), planes.interleaved(false))) {
                    assertContentEquals(expected, tensorOf { preprocessor.fromYuv(frame, turn, true, it) })
                }
            }
        }
    }

    @Test
    fun `buffers are left as they were, and may start anywhere`() {
        val planes = planar(8, 6)
        val frame = planes.tight()
        val shifted = ByteBuffer.allocateDirect(planes.y.size + 5).position(5).put(planes.y).position(5)
        val moved = YuvFrame(8, 6, YuvPlane(shifted, 8, 1), frame.u, frame.v)
        val expected = tensorOf { preprocessor.fromYuv(frame, 0, false, it) }
        repeat(2) { assertContentEquals(expected, tensorOf { preprocessor.fromYuv(moved, 0, false, it) }) }
        assertEquals(5, shifted.position())
    }

    @Test
    fun `the tensor may be a direct buffer, as runtimes want it`() {
        val planes = planar(8, 6)
        val direct = ByteBuffer.allocateDirect(3 * height * width * 4).order(ByteOrder.nativeOrder()).asFloatBuffer()
        preprocessor.fromYuv(planes.tight(), 0, false, direct.position(7))
        assertEquals(0, direct.position())
        val found = FloatArray(direct.remaining()).also(direct::get)
        assertContentEquals(tensorOf { preprocessor.fromYuv(planes.tight(), 0, false, it) }, found)
    }

    @Test
    fun `greys keep their level and colours their side`() {
        fun levels(y: Int, u: Int, v: Int): List<Int> {
            fun plane(size: Int, level: Int) = ByteArray(size) { level.toByte() }
            val planes = Planes(4, 4, plane(16, y), plane(4, u), plane(4, v))
            return levelsOf(tensorOf { preprocessor.fromYuv(planes.tight(), 0, false, it) }).take(3)
        }
        for (grey in 0..255) assertEquals(List(3) { grey }, levels(grey, 128, 128))
        assertEquals(listOf(254, 0, 0), levels(76, 85, 255))
        assertEquals(listOf(0, 0, 254), levels(29, 255, 107))
        assertEquals(listOf(255, 255, 255), levels(255, 128, 128))
    }

    @Test
    fun `what does not fit is refused`() {
        val planes = planar(8, 6)
        val frame = planes.tight()
        val out = FloatBuffer.allocate(3 * height * width)
        val short = YuvPlane(ByteBuffer.allocate(47), 8, 1)
        val refused = listOf<() -> Unit>(
            { preprocessor.fromYuv(frame, 45, false, out) },
            { preprocessor.fromYuv(frame, 0, false, FloatBuffer.allocate(10)) },
            { preprocessor.fromYuv(YuvFrame(8, 6, short, frame.u, frame.v), 0, false, out) },
            { preprocessor.fromYuv(YuvFrame(8, 6, YuvPlane(short.buffer, -8, 1), frame.u, frame.v), 0, false, out) },
            { YuvFrame(0, 6, frame.y, frame.u, frame.v) },
            { preprocessor.fromArgb(IntArray(11), 3, 4, out) },
            { preprocessor.fromArgb(IntArray(0), 0, 0, out) },
        )
        for (call in refused) assertFailsWith<IllegalArgumentException> { call() }
    }

    /** Planes as `rgb_of_frame` in `core_vectors.py` cuts them. */
    private fun planar(width: Int, height: Int): Planes {
        val luma = width * height
        val chroma = (width + 1) / 2 * ((height + 1) / 2)
        val bytes = Vectors.scattered(luma + 2 * chroma)
        return Planes(
            width,
            height,
            bytes.copyOf(luma),
            bytes.copyOfRange(luma, luma + chroma),
            bytes.copyOfRange(luma + chroma, luma + 2 * chroma),
        )
    }
}
