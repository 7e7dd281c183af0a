package io.topformer.core

import kotlin.math.abs
import kotlin.test.assertTrue

/** Interpolates every class on every pixel, straight from the definition. */
internal class NaiveLabels(
    private val classes: Int,
    private val height: Int,
    private val width: Int,
    private val outHeight: Int,
    private val outWidth: Int,
) {
    private class Place(val first: Int, val second: Int, val share: Float)

    private fun place(pixel: Int, logits: Int, pixels: Int): Place {
        val scale = (logits.toFloat() / pixels).toDouble()
        val position = (scale * (pixel + 0.5) - 0.5).toFloat().coerceAtLeast(0f)
        val first = position.toInt().coerceAtMost(logits - 1)
        val second = if (logits == pixels) first else (first + 1).coerceAtMost(logits - 1)
        return Place(first, second, position - first)
    }

    private fun mix(first: Float, second: Float, share: Float) = (1f - share) * first + share * second

    private fun values(logits: FloatArray, y: Int, x: Int): FloatArray {
        val down = place(y, height, outHeight)
        val across = place(x, width, outWidth)
        return FloatArray(classes) { number ->
            fun at(row: Int, column: Int) = logits[(number * height + row) * width + column]
            val top = mix(at(down.first, across.first), at(down.first, across.second), across.share)
            val bottom = mix(at(down.second, across.first), at(down.second, across.second), across.share)
            mix(top, bottom, down.share)
        }
    }

    private fun argmax(values: FloatArray): Int {
        val nan = values.indexOfFirst { it.isNaN() }
        return if (nan >= 0) nan else values.indices.maxBy { values[it] }
    }

    fun label(logits: FloatArray, out: ShortArray) {
        for (y in 0 until outHeight) {
            for (x in 0 until outWidth) out[y * outWidth + x] = argmax(values(logits, y, x)).toShort()
        }
    }

    fun assertEqualButForTies(logits: FloatArray, labels: ShortArray, what: String) {
        val largest = logits.filter { it.isFinite() }.maxOfOrNull { abs(it) } ?: 0f
        val rounding = 8 * Math.ulp(1f) * largest
        for (y in 0 until outHeight) {
            for (x in 0 until outWidth) {
                val values = values(logits, y, x)
                val best = argmax(values)
                val found = labels[y * outWidth + x].toInt() and 0xFFFF
                val tied = values[best] - values[found] <= rounding
                assertTrue(found == best || tied, "$what: at $y, $x: ${values[found]} instead of ${values[best]}")
            }
        }
    }
}
