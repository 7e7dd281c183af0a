package io.topformer.core

/**
 * What each pixel along one side of a resized picture takes from the pixels before: Pillow's bilinear filter, in its
 * whole numbers, so that results are its own to the bit (Pillow, src/libImaging/Resample.c: precompute_coeffs).
 */
internal class ResizeAxis(from: Int, to: Int) {
    /** Per pixel, the first one that it takes from, and how many. */
    val first = IntArray(to)
    val count = IntArray(to)

    /** [pixel * most + i]: the share of number `first + i`, times 2^22. */
    val shares: IntArray

    /** The most pixels that one takes from. */
    val most: Int

    init {
        val scale = from.toDouble() / to
        // A shrinking filter is as much wider as the picture gets smaller.
        val reach = maxOf(scale, 1.0)
        most = Math.ceil(reach).toInt() * 2 + 1
        shares = IntArray(to * most)
        val weights = DoubleArray(most)
        for (pixel in 0 until to) {
            val centre = (pixel + 0.5) * scale
            first[pixel] = maxOf((centre - reach + 0.5).toInt(), 0)
            count[pixel] = minOf((centre + reach + 0.5).toInt(), from) - first[pixel]
            for (i in 0 until count[pixel]) {
                val distance = Math.abs((i + first[pixel] - centre + 0.5) * (1.0 / reach))
                weights[i] = maxOf(1.0 - distance, 0.0)
            }
            var sum = 0.0
            for (i in 0 until count[pixel]) sum += weights[i]
            for (i in 0 until count[pixel]) {
                shares[pixel * most + i] = (0.5 + weights[i] / sum * (1 shl PRECISION_BITS)).toInt()
            }
        }
    }

    companion object {
        const val PRECISION_BITS = 22
        const val HALF = 1 shl (PRECISION_BITS - 1)
    }
}
