package io.topformer.core

import kotlin.math.abs
import kotlin.math.cbrt
import kotlin.math.hypot
import kotlin.math.pow
import kotlin.math.sqrt

/**
 * Vivid colours for the eye in place of a file's own, 0xFFRRGGBB: each keeps its hue as far as it has one, and all are
 * as far from each other as they can be. Whoever knows a data set's colours finds them again. More classes than there are
 * colours to tell apart keep their own.
 */
public fun vividPalette(palette: IntArray): IntArray {
    if (palette.size > MOST_CLASSES) return palette
    val wanted = palette.map(Oklab::of)
    val candidates = candidates()
    val chosen = arrayOfNulls<Candidate>(palette.size)
    // Greys take what is left, blue rather than red.
    for (id in palette.indices.sortedBy { wanted[it].chroma < GREY }) {
        val isGrey = wanted[id].chroma < GREY
        val hue = if (isGrey) calm else wanted[id]
        val weight = if (isGrey) CALM_WEIGHT else HUE_WEIGHT
        chosen[id] = candidates.maxBy { candidate ->
            val nearest = chosen.minOf { it?.lab?.distanceTo(candidate.lab) ?: FAR_ENOUGH }
            minOf(nearest, FAR_ENOUGH) - weight * hue.hueDistanceTo(candidate.lab)
        }
    }
    return IntArray(palette.size) { checkNotNull(chosen[it]).rgb }
}

private class Candidate(val rgb: Int) {
    val lab = Oklab.of(rgb)
}

// Of all hues, each in three tones that can be seen on any photo.
private fun candidates(): List<Candidate> = TONES.flatMap { (saturation, value) ->
    List(HUES) { Candidate(fromHsv(it * 6f / HUES, saturation, value)) }
}

/** Hue from 0 to 6, the rest from 0 to 1. Source: Smith, "Color gamut transform pairs", 1978. */
private fun fromHsv(hue: Float, saturation: Float, value: Float): Int {
    fun channel(place: Float): Int {
        val turned = (place + hue) % 6
        val fall = minOf(turned, 4 - turned, 1f).coerceAtLeast(0f)
        return ((value - value * saturation * fall) * 255 + 0.5f).toInt()
    }
    return (0xFF shl 24) or (channel(5f) shl 16) or (channel(3f) shl 8) or channel(1f)
}

/** A colour in which equal distances look equal. Source: Björn Ottosson, "A perceptual color space", 2020. */
private class Oklab(val lightness: Double, val a: Double, val b: Double) {
    val chroma = hypot(a, b)

    fun distanceTo(other: Oklab): Double =
        sqrt((lightness - other.lightness).pow(2) + (a - other.a).pow(2) + (b - other.b).pow(2))

    /** From 0 to 1 for the opposite; less for colours that are nearly grey. Neither may be grey. */
    fun hueDistanceTo(other: Oklab): Double {
        val cosine = (a * other.a + b * other.b) / (chroma * other.chroma)
        return abs(1 - cosine) / 2 * minOf(1.0, chroma / CLEAR)
    }

    companion object {
        fun of(rgb: Int): Oklab {
            val red = linear(rgb shr 16 and 0xFF)
            val green = linear(rgb shr 8 and 0xFF)
            val blue = linear(rgb and 0xFF)
            val long = cbrt(0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue)
            val medium = cbrt(0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue)
            val short = cbrt(0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue)
            return Oklab(
                0.2104542553 * long + 0.7936177850 * medium - 0.0040720468 * short,
                1.9779984951 * long - 2.4285922050 * medium + 0.4505937099 * short,
                0.0259040371 * long + 0.7827717662 * medium - 0.8086757660 * short,
            )
        }

        private fun linear(channel: Int): Double {
            val value = channel / 255.0
            return if (value <= 0.04045) value / 12.92 else ((value + 0.055) / 1.055).pow(2.4)
        }
    }
}

// More than data sets for segmentation have. Time goes with the square of their number.
private const val MOST_CLASSES = 256
private val calm = Oklab.of(0x4DB8FF)
private const val HUES = 24
private val TONES = listOf(0.9f to 1f, 0.45f to 1f, 0.9f to 0.75f)

// As far apart as two colours must be to be told apart at a glance.
private const val FAR_ENOUGH = 0.25
private const val HUE_WEIGHT = 0.25
private const val CALM_WEIGHT = 0.15
private const val GREY = 0.02
private const val CLEAR = 0.08
