package io.topformer.demo

import android.graphics.Canvas
import android.graphics.ColorMatrix
import android.graphics.ColorMatrixColorFilter
import android.graphics.Matrix
import android.graphics.Paint
import android.graphics.RectF

/** Draws what was found over its picture. */
class FindingsPainter {
    /** How much of the picture is covered, from 0 to 1. */
    var opacity = 0.5f
        set(value) {
            field = value
            overlayPaint.colorFilter = filter(value)
        }
    private val overlayPaint = Paint(Paint.FILTER_BITMAP_FLAG).apply { colorFilter = filter(opacity) }
    private val overlayMatrix = Matrix()
    private val boxes = BoxPainter()

    /**
     * Draws it on a canvas where the picture lies at [place]. Of boxes lines are some [unit]s wide, names have letters of
     * [textSize] pixels and none is above [top]; without their [classes] none are drawn.
     */
    fun draw(
        canvas: Canvas,
        findings: Findings,
        place: RectF,
        classes: ShownClasses?,
        unit: Float,
        textSize: Float,
        top: Float = 0f,
    ) {
        when (findings) {
            is FoundLabels -> {
                overlayMatrix.setScale(place.width() / findings.width, place.height() / findings.height)
                overlayMatrix.postTranslate(place.left, place.top)
                canvas.drawBitmap(findings.overlay, overlayMatrix, overlayPaint)
            }
            is FoundBoxes -> {
                val own = classes ?: return
                boxes.draw(canvas, findings, place, own, opacity, unit, textSize, top)
            }
        }
    }

    /** What is at a place of the picture, from 0 to 1 along each side: the name of its class, of boxes with the score. */
    fun nameAt(findings: Findings, x: Float, y: Float, classes: ShownClasses): String? = when (findings) {
        is FoundLabels -> classes.names.getOrNull(findings.classAt(x, y))
        is FoundBoxes -> findings.boxAt(x, y, classes::isSeen).takeIf { it != FoundBoxes.NONE }?.let { i ->
            "${classes.names.getOrNull(findings.boxes.labels[i])} ${boxes.scoreText(findings.boxes.scores[i])}"
        }
    }

    // Lines of labels are twice as opaque as their insides, and seen earlier.
    private fun filter(opacity: Float) =
        ColorMatrixColorFilter(ColorMatrix().apply { setScale(1f, 1f, 1f, 2 * opacity) })
}

/** The class at a place; null where nothing was found. */
fun Findings.classAt(x: Float, y: Float, classes: ShownClasses): Int? = when (this) {
    is FoundLabels -> classAt(x, y)
    is FoundBoxes -> boxAt(x, y, classes::isSeen).takeIf { it != FoundBoxes.NONE }?.let { boxes.labels[it] }
}
