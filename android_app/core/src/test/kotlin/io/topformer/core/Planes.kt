package io.topformer.core

import java.nio.ByteBuffer

/** The samples of a frame, and the ways in which cameras store them. */
internal class Planes(val width: Int, val height: Int, val y: ByteArray, val u: ByteArray, val v: ByteArray) {
    private val chromaWidth = (width + 1) / 2
    private val chromaHeight = (height + 1) / 2

    fun tight(): YuvFrame {
        val chroma = { plane: ByteArray -> YuvPlane(ByteBuffer.wrap(plane), chromaWidth, 1) }
        return YuvFrame(width, height, YuvPlane(ByteBuffer.wrap(y), width, 1), chroma(u), chroma(v))
    }

    /** Each row is longer than its samples, but for the last. */
    fun padded() = YuvFrame(
        width,
        height,
        stored(y, width, height, rowStride = width + 13, pixelStride = 1),
        stored(u, chromaWidth, chromaHeight, rowStride = chromaWidth * 3 + 5, pixelStride = 3),
        stored(v, chromaWidth, chromaHeight, rowStride = chromaWidth + 7, pixelStride = 1),
    )

    /** U and V take turns in one piece of memory, as in NV12, or V and U, as in NV21. */
    fun interleaved(uFirst: Boolean): YuvFrame {
        val (first, second) = if (uFirst) u to v else v to u
        val both = ByteArray(2 * u.size) { if (it % 2 == 0) first[it / 2] else second[it / 2] }
        val firstPlane = YuvPlane(ByteBuffer.wrap(both, 0, both.size - 1).slice(), 2 * chromaWidth, 2)
        val secondPlane = YuvPlane(ByteBuffer.wrap(both, 1, both.size - 1).slice(), 2 * chromaWidth, 2)
        val luma = YuvPlane(ByteBuffer.wrap(y), width, 1)
        return if (uFirst) {
            YuvFrame(width, height, luma, firstPlane, secondPlane)
        } else {
            YuvFrame(width, height, luma, secondPlane, firstPlane)
        }
    }

    private fun stored(samples: ByteArray, width: Int, height: Int, rowStride: Int, pixelStride: Int): YuvPlane {
        val buffer = ByteBuffer.allocateDirect((height - 1) * rowStride + (width - 1) * pixelStride + 1)
        for (row in 0 until height) {
            for (column in 0 until width) {
                buffer.put(row * rowStride + column * pixelStride, samples[row * width + column])
            }
        }
        return YuvPlane(buffer, rowStride, pixelStride)
    }
}
