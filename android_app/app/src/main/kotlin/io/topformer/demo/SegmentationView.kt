package io.topformer.demo

import android.content.Context
import android.graphics.Bitmap
import android.graphics.Canvas
import android.graphics.Matrix
import android.graphics.Paint
import android.graphics.PointF
import android.graphics.Rect
import android.graphics.RectF
import android.util.AttributeSet
import android.view.MotionEvent
import android.view.View
import io.topformer.core.Placement

/** A picture, its labels over it, and the name of the class at the place that was tapped. */
class SegmentationView(context: Context, attributes: AttributeSet?) : View(context, attributes) {
    /** How much the labels cover of the picture, from 0 to 1. */
    var opacity = 0.5f
        set(value) {
            field = value
            invalidate()
        }

    var onResized: (width: Int, height: Int) -> Unit = { _, _ -> }
    var onTapped: () -> Unit = {}

    /** The name of the class at the tapped place; null where none was tapped or nothing is shown. */
    val tappedName: String?
        get() {
            val place = tapped ?: return null
            return result?.run { manifest.classNames[classAt(place.x, place.y)] }
        }

    private var result: Result? = null

    // From 0 to 1 along each side of the picture, so that it stays where it is when the view is turned.
    private var tapped: PointF? = null
    private var touched = false
    private val placement = Placement()
    private val matrixValues = FloatArray(9)
    private val matrixOfContent = Matrix()
    private val picturePaint = Paint(Paint.FILTER_BITMAP_FLAG)
    private val overlayPaint = Paint(Paint.FILTER_BITMAP_FLAG)
    private val markPaint = Paint(Paint.ANTI_ALIAS_FLAG)
    private val textPaint = Paint(Paint.ANTI_ALIAS_FLAG)

    fun show(next: Result?) {
        result = next
        invalidate()
    }

    /** Where a preview lies that fills a view of this one's size, turned by [turnDegrees] from its upright picture. */
    fun previewMatrix(pictureWidth: Int, pictureHeight: Int, turnDegrees: Int): Matrix {
        place(pictureWidth, pictureHeight)
        return matrixOf(width, height, turnDegrees)
    }

    /** What of a picture of the whole view is the picture that is shown. */
    fun cut(view: Bitmap): Bitmap {
        val seen = Rect()
        RectF(placement.left, placement.top, placement.left + placement.width, placement.top + placement.height).round(seen)
        if (!seen.intersect(0, 0, view.width, view.height)) return view
        return Bitmap.createBitmap(view, seen.left, seen.top, seen.width(), seen.height())
    }

    private fun place(pictureWidth: Int, pictureHeight: Int) {
        placement.pictureWidth = pictureWidth
        placement.pictureHeight = pictureHeight
        placement.viewWidth = maxOf(width, 1)
        placement.viewHeight = maxOf(height, 1)
    }

    private fun matrixOf(contentWidth: Int, contentHeight: Int, turnDegrees: Int = 0): Matrix {
        placement.matrix(maxOf(contentWidth, 1), maxOf(contentHeight, 1), turnDegrees, matrixValues)
        matrixOfContent.setValues(matrixValues)
        return matrixOfContent
    }

    override fun onSizeChanged(width: Int, height: Int, oldWidth: Int, oldHeight: Int) {
        onResized(width, height)
    }

    override fun onTouchEvent(event: MotionEvent): Boolean {
        if (event.action == MotionEvent.ACTION_UP) {
            tapped = PointF(placement.pictureX(event.x), placement.pictureY(event.y))
                .takeIf { it.x in 0f..1f && it.y in 0f..1f }
            touched = true
            performClick()
            touched = false
        }
        return true
    }

    override fun performClick(): Boolean {
        super.performClick()
        // A screen reader clicks without a place.
        if (!touched) tapped = PointF(0.5f, 0.5f)
        onTapped()
        invalidate()
        return true
    }

    override fun onDraw(canvas: Canvas) {
        val result = result ?: return
        place(result.pictureWidth, result.pictureHeight)
        result.picture?.let { canvas.drawBitmap(it, matrixOf(it.width, it.height), picturePaint) }
        overlayPaint.alpha = (opacity * 255).toInt()
        canvas.drawBitmap(result.overlay, matrixOf(result.overlay.width, result.overlay.height), overlayPaint)
        tapped?.let { drawName(canvas, result, it) }
    }

    private fun drawName(canvas: Canvas, result: Result, at: PointF) {
        val density = resources.displayMetrics.density
        val classId = result.classAt(at.x, at.y)
        val x = placement.left + at.x * placement.width
        val y = placement.top + at.y * placement.height
        markPaint.color = WHITE
        canvas.drawCircle(x, y, 9 * density, markPaint)
        markPaint.color = result.manifest.palette[classId]
        canvas.drawCircle(x, y, 6 * density, markPaint)

        val name = result.manifest.classNames[classId]
        // In scaled pixels, as the user's font size asks.
        textPaint.textSize = resources.getDimension(R.dimen.tapped_name)
        textPaint.color = WHITE
        val padding = 8 * density
        val wide = textPaint.measureText(name) + 2 * padding
        val high = textPaint.textSize + 2 * padding
        val left = (x - wide / 2).coerceIn(0f, maxOf(0f, width - wide))
        val top = (y - high - 14 * density).let { if (it < 0) y + 14 * density else it }
        markPaint.color = LABEL_BACKGROUND
        canvas.drawRoundRect(left, top, left + wide, top + high, padding, padding, markPaint)
        canvas.drawText(name, left + padding, top + padding - textPaint.ascent() * 0.9f, textPaint)
    }

    private companion object {
        const val WHITE = 0xFFFFFFFF.toInt()
        const val LABEL_BACKGROUND = 0xCC101418.toInt()
    }
}
