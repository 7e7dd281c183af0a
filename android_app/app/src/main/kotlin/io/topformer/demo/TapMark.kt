package io.topformer.demo

import android.content.res.Resources
import android.graphics.Canvas
import android.graphics.Paint

/** A dot at a place of the picture, and beside it a name. */
class TapMark(private val resources: Resources) {
    private val density = resources.displayMetrics.density
    private val paint = Paint(Paint.ANTI_ALIAS_FLAG)
    private val textPaint = Paint(Paint.ANTI_ALIAS_FLAG).apply { color = WHITE }

    /** Draws it with the name on the canvas, and not above [top]. */
    fun draw(canvas: Canvas, x: Float, y: Float, name: String, colour: Int, top: Int) {
        paint.color = WHITE
        canvas.drawCircle(x, y, 9 * density, paint)
        paint.color = colour
        canvas.drawCircle(x, y, 6 * density, paint)

        // In scaled pixels, as the user's font size asks.
        textPaint.textSize = resources.getDimension(R.dimen.tapped_name)
        val padding = 10 * density
        val wide = textPaint.measureText(name) + 2 * padding
        val high = textPaint.textSize + 1.4f * padding
        val left = (x - wide / 2).coerceIn(0f, maxOf(0f, canvas.width - wide))
        val above = y - high - 14 * density
        val start = if (above < top) y + 14 * density else above
        paint.color = BACKGROUND
        canvas.drawRoundRect(left, start, left + wide, start + high, high / 2, high / 2, paint)
        val baseline = start + high / 2 - (textPaint.ascent() + textPaint.descent()) / 2
        canvas.drawText(name, left + padding, baseline, textPaint)
    }

    private companion object {
        const val WHITE = 0xFFFFFFFF.toInt()
        const val BACKGROUND = 0xDD0B0F14.toInt()
    }
}
