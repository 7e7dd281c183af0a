package io.topformer.demo

import android.graphics.Canvas
import android.graphics.Color
import android.graphics.Paint
import android.graphics.RectF
import java.text.NumberFormat
import kotlin.math.roundToInt

/**
 * Draws boxes in their classes' colours, with names and scores: the less likely, the fainter. A name goes above its box
 * or into it, and is left out where likelier ones are in all these places; a tap still tells it. Nothing is allocated
 * while no box is drawn that has not been drawn before.
 */
class BoxPainter {
    private val paint = Paint(Paint.ANTI_ALIAS_FLAG)
    private val textPaint = Paint(Paint.ANTI_ALIAS_FLAG)
    private val percent = NumberFormat.getPercentInstance()
    private val scoreTexts = arrayOfNulls<String>(101)
    private val box = RectF()
    private val tag = RectF()

    // The sides of names that are drawn, so that none is drawn over another.
    private var taken = FloatArray(0)
    private var takenCount = 0

    /** A score as text. */
    fun scoreText(score: Float): String {
        val whole = (score * 100).roundToInt().coerceIn(0, 100)
        return scoreTexts[whole] ?: percent.format(whole / 100.0).also { scoreTexts[whole] = it }
    }

    /** Draws them over a picture that lies at [place]; [unit] and [textSize] are in pixels, names not above [top]. */
    fun draw(
        canvas: Canvas,
        found: FoundBoxes,
        place: RectF,
        classes: ShownClasses,
        opacity: Float,
        unit: Float,
        textSize: Float,
        top: Float,
    ) {
        textPaint.textSize = textSize
        // As labels: insides are far less opaque than lines.
        for (i in found.count - 1 downTo 0) {
            if (classes.isSeen(found.boxes.labels[i])) drawBox(canvas, found, i, place, classes, opacity, unit)
        }
        takenCount = 0
        if (taken.size < 4 * found.count) taken = FloatArray(4 * found.boxes.scores.size)
        for (i in 0 until found.count) {
            if (classes.isSeen(found.boxes.labels[i])) drawTag(canvas, found, i, place, classes, opacity, unit, top)
        }
    }

    private fun drawBox(
        canvas: Canvas,
        found: FoundBoxes,
        i: Int,
        place: RectF,
        classes: ShownClasses,
        opacity: Float,
        unit: Float,
    ) {
        lay(found, i, place)
        val colour = classes.palette[found.boxes.labels[i]]
        val line = lineAlpha(found.boxes.scores[i], opacity)
        val round = 3 * unit
        paint.style = Paint.Style.FILL
        colour(colour, line * opacity * INSIDE)
        canvas.drawRoundRect(box, round, round, paint)
        paint.style = Paint.Style.STROKE
        // Dark on either side, so that the line is seen on any photo.
        paint.strokeWidth = 4.5f * unit
        colour(Color.BLACK, line * EDGE)
        canvas.drawRoundRect(box, round, round, paint)
        paint.strokeWidth = 2.5f * unit
        colour(colour, line)
        canvas.drawRoundRect(box, round, round, paint)
    }

    private fun drawTag(
        canvas: Canvas,
        found: FoundBoxes,
        i: Int,
        place: RectF,
        classes: ShownClasses,
        opacity: Float,
        unit: Float,
        top: Float,
    ) {
        lay(found, i, place)
        val label = found.boxes.labels[i]
        val name = classes.names[label]
        val score = scoreText(found.boxes.scores[i])
        val padding = 5 * unit
        val gap = 4 * unit
        val scoreWide = textPaint.measureText(score)
        val most = minOf(place.right, canvas.width.toFloat()) - maxOf(place.left, 0f) - 2 * padding - gap - scoreWide
        val letters = textPaint.breakText(name, true, most, null)
        val nameWide = textPaint.measureText(name, 0, letters)
        val wide = nameWide + gap + scoreWide + 2 * padding
        val high = textPaint.textSize * 1.35f
        if (!findPlace(place, wide, high, top, unit)) return
        val colour = classes.palette[label]
        val alpha = lineAlpha(found.boxes.scores[i], opacity)
        paint.style = Paint.Style.FILL
        colour(colour, alpha)
        canvas.drawRoundRect(tag, 3 * unit, 3 * unit, paint)
        // Whichever of the two has the contrast of 4.5 to 1 that WCAG 2 asks for.
        textPaint.color = if (Color.luminance(colour) > EQUAL_CONTRAST) Color.BLACK else Color.WHITE
        textPaint.alpha = (255 * alpha).roundToInt()
        val baseline = tag.centerY() - (textPaint.ascent() + textPaint.descent()) / 2
        canvas.drawText(name, 0, letters, tag.left + padding, baseline, textPaint)
        canvas.drawText(score, tag.left + padding + nameWide + gap, baseline, textPaint)
    }

    /** Lays the tag above its box, or else inside, at the top or at the bottom; false where no place is free. */
    private fun findPlace(place: RectF, wide: Float, high: Float, top: Float, unit: Float): Boolean {
        val least = maxOf(place.left, 0f)
        val left = minOf(box.left - unit, place.right - wide).coerceAtLeast(least)
        val highest = maxOf(place.top, top)
        val isFree = layTag(left, box.top - high, wide, high, highest) ||
            layTag(left, maxOf(box.top, highest), wide, high, highest) ||
            layTag(left, box.bottom - high, wide, high, highest)
        if (!isFree) return false
        taken[4 * takenCount] = tag.left
        taken[4 * takenCount + 1] = tag.top
        taken[4 * takenCount + 2] = tag.right
        taken[4 * takenCount++ + 3] = tag.bottom
        return true
    }

    private fun layTag(left: Float, top: Float, wide: Float, high: Float, highest: Float): Boolean {
        tag.set(left, top, left + wide, top + high)
        if (top < highest) return false
        for (other in 0 until takenCount) {
            val at = 4 * other
            if (tag.intersects(taken[at], taken[at + 1], taken[at + 2], taken[at + 3])) return false
        }
        return true
    }

    private fun lay(found: FoundBoxes, i: Int, place: RectF) {
        box.set(
            place.left + found.left(i) * place.width(),
            place.top + found.top(i) * place.height(),
            place.left + found.right(i) * place.width(),
            place.top + found.bottom(i) * place.height(),
        )
    }

    private fun colour(rgb: Int, alpha: Float) {
        paint.color = rgb
        paint.alpha = (255 * alpha).roundToInt()
    }

    /** Opaque from the middle of the slider on for what is as likely as not. */
    private fun lineAlpha(score: Float, opacity: Float) = minOf(1f, 2 * opacity) * minOf(1f, FAINTEST + 2 * (1 - FAINTEST) * score)

    private companion object {
        const val INSIDE = 0.25f
        const val EDGE = 0.45f
        const val FAINTEST = 0.1f

        // The luminance at which black and white are read as well: sqrt(1.05 * 0.05) - 0.05.
        const val EQUAL_CONTRAST = 0.179f
    }
}
