package io.topformer.demo

import android.content.Context
import android.graphics.Bitmap
import android.graphics.Canvas
import android.graphics.ColorMatrix
import android.graphics.ColorMatrixColorFilter
import android.graphics.Matrix
import android.graphics.Paint
import android.graphics.PointF
import android.graphics.Rect
import android.graphics.RectF
import android.util.AttributeSet
import android.view.MotionEvent
import android.view.View
import io.topformer.core.Placement
import io.topformer.core.displayName

/** What makes an overlay cover its picture by so much: its lines are twice as opaque as the insides, and seen earlier. */
fun overlayFilter(opacity: Float) = ColorMatrixColorFilter(ColorMatrix().apply { setScale(1f, 1f, 1f, 2 * opacity) })

/** A picture, its labels over it, and the name of the class at the place that was tapped. */
class SegmentationView(context: Context, attributes: AttributeSet?) : View(context, attributes), StageGestures.Listener {
    /** How much the labels cover of the picture, from 0 to 1. */
    var opacity = 0.5f
        set(value) {
            field = value
            overlayPaint.colorFilter = overlayFilter(value)
            invalidate()
        }

    /** Whether the bare picture is shown. */
    var comparing = false
        set(value) {
            field = value
            invalidate()
        }

    /** Whether the camera's picture fills this view, or is seen whole. */
    var liveFills = false

    /** The colour of a class, 0xFFRRGGBB. */
    var palette: (classId: Int) -> Int = { 0 }
    var onResized: (width: Int, height: Int) -> Unit = { _, _ -> }
    var onTapped: () -> Unit = {}

    /** The picture was zoomed or moved. */
    var onMoved: () -> Unit = {}

    /** The name of the class at the tapped place; null where none was tapped or nothing is shown. */
    val tappedName: String?
        get() = tapped?.let { place -> result?.run { displayName(manifest.classNames[classAt(place.x, place.y)]) } }

    private var result: Result? = null
    private var free = Size(0, 0)
    private val placement = Placement()
    private val gestures = StageGestures(this, placement, this)
    private val mark = TapMark(resources)
    private val backdrop = Backdrop()

    // From 0 to 1 along each side of the picture, so that it stays where it is when the view is turned.
    private var tapped: PointF? = null
    private var touched = false
    private val picturePaint = Paint(Paint.FILTER_BITMAP_FLAG)
    private val overlayPaint = Paint(Paint.FILTER_BITMAP_FLAG).apply { colorFilter = overlayFilter(opacity) }
    private val matrixOfContent = Matrix()
    private val matrixValues = FloatArray(9)

    /** Shows a result: over its opened picture, or over the camera's preview where it has none. */
    fun show(next: Result?) {
        result = next
        if (next != null) place(next.pictureWidth, next.pictureHeight, isLive = next.picture == null)
        invalidate()
    }

    /** Where a preview lies that fills a view of this one's size, turned by [turnDegrees] from its upright picture. */
    fun previewMatrix(pictureWidth: Int, pictureHeight: Int, turnDegrees: Int): Matrix {
        place(pictureWidth, pictureHeight, isLive = true)
        return matrixOf(width, height, turnDegrees)
    }

    /** What is seen of a preview of this view's size, with the labels over it. */
    fun over(preview: Bitmap): Bitmap {
        val seen = Rect()
        RectF(placement.left, placement.top, placement.left + placement.width, placement.top + placement.height).round(seen)
        if (!seen.intersect(0, 0, preview.width, preview.height)) return preview
        val composed = Bitmap.createBitmap(seen.width(), seen.height(), Bitmap.Config.ARGB_8888)
        val canvas = Canvas(composed)
        canvas.translate(-seen.left.toFloat(), -seen.top.toFloat())
        canvas.drawBitmap(preview, 0f, 0f, null)
        result?.let { canvas.drawBitmap(it.overlay, matrixOf(it.overlay.width, it.overlay.height), overlayPaint) }
        return composed
    }

    private fun place(pictureWidth: Int, pictureHeight: Int, isLive: Boolean) {
        val fills = isLive && liveFills
        val isOther = fills != placement.fills || pictureWidth * placement.pictureHeight != pictureHeight * placement.pictureWidth
        placement.pictureWidth = pictureWidth
        placement.pictureHeight = pictureHeight
        placement.fills = fills
        if (isOther) placement.reset()
    }

    private fun matrixOf(contentWidth: Int, contentHeight: Int, turnDegrees: Int = 0): Matrix {
        placement.matrix(maxOf(contentWidth, 1), maxOf(contentHeight, 1), turnDegrees, matrixValues)
        matrixOfContent.setValues(matrixValues)
        return matrixOfContent
    }

    /** How much of each side something lies over. */
    fun setCovered(left: Int, top: Int, right: Int, bottom: Int) {
        placement.coveredLeft = left
        placement.coveredTop = top
        placement.coveredRight = right
        placement.coveredBottom = bottom
        placement.moveBy(0f, 0f)
        val free = Size(width - left - right, height - top - bottom)
        if (free != this.free) onResized(free.width, free.height)
        this.free = free
        invalidate()
    }

    /** Where in this view a place of the picture is, which is from 0 to 1 along each side of it. */
    fun placeOf(x: Float, y: Float) =
        PointF(placement.left + x * placement.width, placement.top + y * placement.height)

    override fun onSizeChanged(width: Int, height: Int, oldWidth: Int, oldHeight: Int) {
        placement.viewWidth = maxOf(width, 1)
        placement.viewHeight = maxOf(height, 1)
        placement.reset()
    }

    override fun onTouchEvent(event: MotionEvent): Boolean = gestures.onTouch(event)

    override fun onTap(x: Float, y: Float) {
        tapped = PointF(placement.pictureX(x), placement.pictureY(y)).takeIf { it.x in 0f..1f && it.y in 0f..1f }
        touched = true
        performClick()
        touched = false
    }

    override fun onPlaced() {
        onMoved()
        invalidate()
    }

    override fun onCompare(held: Boolean) {
        comparing = held
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
        result.picture?.let {
            backdrop.draw(canvas, it, width, height)
            canvas.drawBitmap(it, matrixOf(it.width, it.height), picturePaint)
        }
        val overlay = result.overlay
        if (!comparing) canvas.drawBitmap(overlay, matrixOf(overlay.width, overlay.height), overlayPaint)
        tapped?.let { place ->
            val classId = result.classAt(place.x, place.y)
            val at = placeOf(place.x, place.y)
            mark.draw(canvas, at.x, at.y, displayName(result.manifest.classNames[classId]), palette(classId), placement.coveredTop)
        }
    }
}
