package io.topformer.demo

/** Whole pixels along each side. */
data class Size(val width: Int, val height: Int)

// Finer than most screens hold a picture of three by four; bounds what labels cost on tablets.
private const val MOST_LABELS = 1_000_000

/** The size of a picture that is shown whole within a view; its own before the view has one. */
fun fit(width: Int, height: Int, viewWidth: Int, viewHeight: Int): Size {
    if (viewWidth < 1 || viewHeight < 1) return Size(width, height)
    val whole = minOf(viewWidth.toFloat() / width, viewHeight.toFloat() / height)
    val affordable = kotlin.math.sqrt(MOST_LABELS.toFloat() / width / height)
    val scale = minOf(whole, affordable)
    return Size((width * scale).toInt().coerceAtLeast(1), (height * scale).toInt().coerceAtLeast(1))
}
