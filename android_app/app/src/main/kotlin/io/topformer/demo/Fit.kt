package io.topformer.demo

import kotlin.math.sqrt

/** Whole pixels along each side. */
data class Size(val width: Int, val height: Int)

// Finer than most screens hold a picture of three by four; bounds what labels cost on tablets.
private const val MOST_LABELS = 1_000_000

/** How much a picture that is shown whole within a view is enlarged; not at all before the view has a size. */
fun fitScale(width: Int, height: Int, viewWidth: Int, viewHeight: Int): Float {
    val affordable = sqrt(MOST_LABELS.toFloat() / width / height)
    if (viewWidth < 1 || viewHeight < 1) return minOf(1f, affordable)
    val whole = minOf(viewWidth.toFloat() / width, viewHeight.toFloat() / height)
    return minOf(whole, affordable)
}

fun scaled(side: Int, scale: Float): Int = (side * scale).toInt().coerceAtLeast(1)
