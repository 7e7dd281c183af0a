package io.topformer.demo

import android.graphics.Bitmap
import android.graphics.Canvas
import android.graphics.Paint
import android.graphics.Rect
import android.graphics.RectF

/** What is behind a picture that does not fill the stage: the picture itself, very coarse, dark and enlarged to fill it. */
class Backdrop {
    private val coarse = Bitmap.createBitmap(COARSE, COARSE, Bitmap.Config.ARGB_8888)

    // Enlarged twice, it is smooth; once, its pixels would be seen.
    private val smooth = Bitmap.createBitmap(SMOOTH, SMOOTH, Bitmap.Config.ARGB_8888)
    private val place = RectF()
    private val paint = Paint(Paint.FILTER_BITMAP_FLAG)
    private var drawn: Bitmap? = null

    fun draw(canvas: Canvas, picture: Bitmap, width: Int, height: Int) {
        if (drawn !== picture) {
            coarsen(picture)
            drawn = picture
        }
        // Larger than the stage, which then has none of its edges.
        place.set(-width * BLEED, -height * BLEED, width * (1 + BLEED), height * (1 + BLEED))
        canvas.drawBitmap(smooth, null, place, paint)
        canvas.drawColor(SHADE)
    }

    // By halves, each the mean of four: a single step would pick pixels and miss the rest.
    private fun coarsen(picture: Bitmap) {
        var from = picture
        while (from.width > 2 * COARSE && from.height > 2 * COARSE) {
            from = Bitmap.createScaledBitmap(from, from.width / 2, from.height / 2, true)
        }
        Canvas(coarse).drawBitmap(from, null, Rect(0, 0, COARSE, COARSE), paint)
        Canvas(smooth).drawBitmap(coarse, null, Rect(0, 0, SMOOTH, SMOOTH), paint)
    }

    private companion object {
        const val COARSE = 6
        const val SMOOTH = 48
        const val BLEED = 0.15f
        const val SHADE = 0x8C0B0F14.toInt()
    }
}
