package io.topformer.demo

import io.topformer.core.YuvFrame
import io.topformer.core.YuvPlane
import java.nio.Buffer
import java.nio.ByteBuffer
import kotlin.math.roundToInt

/** The size of a bench's frames: what the live picture asks the camera for. */
const val BENCH_FRAME_WIDTH = 640
const val BENCH_FRAME_HEIGHT = 480

/** How far they are turned clockwise: a phone is held upright, and its sensor lies. */
const val BENCH_TURN_DEGREES = 90

/** A frame as most cameras deliver it, the two colour planes in one: turned, it shows a picture. */
fun benchFrame(pixels: IntArray, width: Int, height: Int): YuvFrame {
    val luma = ByteBuffer.allocateDirect(BENCH_FRAME_WIDTH * BENCH_FRAME_HEIGHT)
    val colours = ByteBuffer.allocateDirect(BENCH_FRAME_WIDTH * BENCH_FRAME_HEIGHT / 2)
    for (y in 0 until BENCH_FRAME_HEIGHT) {
        val column = (BENCH_FRAME_HEIGHT - 1 - y) * width / BENCH_FRAME_HEIGHT
        for (x in 0 until BENCH_FRAME_WIDTH) {
            val pixel = pixels[x * height / BENCH_FRAME_WIDTH * width + column]
            val red = (pixel shr 16) and 0xFF
            val green = (pixel shr 8) and 0xFF
            val blue = pixel and 0xFF
            // JPEG File Interchange Format 1.02, full range, as Android's YUV_420_888 has it.
            luma.put(y * BENCH_FRAME_WIDTH + x, level(0.299f * red + 0.587f * green + 0.114f * blue))
            if (x % 2 == 1 || y % 2 == 1) continue
            val place = y / 2 * BENCH_FRAME_WIDTH + x
            colours.put(place, level(128 - 0.168736f * red - 0.331264f * green + 0.5f * blue))
            colours.put(place + 1, level(128 + 0.5f * red - 0.418688f * green - 0.081312f * blue))
        }
    }
    val redness = colours.duplicate()
    // Moved as Android's oldest knows it: there ByteBuffer had no methods of its own for that.
    val place: Buffer = redness
    place.position(1)
    return YuvFrame(
        BENCH_FRAME_WIDTH,
        BENCH_FRAME_HEIGHT,
        YuvPlane(luma, BENCH_FRAME_WIDTH, 1),
        YuvPlane(colours, BENCH_FRAME_WIDTH, 2),
        YuvPlane(redness.slice(), BENCH_FRAME_WIDTH, 2),
    )
}

private fun level(value: Float): Byte = value.roundToInt().coerceIn(0, 255).toByte()
