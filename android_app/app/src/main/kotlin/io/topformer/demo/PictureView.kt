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

/** A picture, what was found over it, and the name of what is at the place that was tapped. */
class PictureView(context: Context, attributes: AttributeSet?) : View(context, attributes), StageGestures.Listener {
    private val painter = FindingsPainter()

    /** How much of the picture is covered, from 0 to 1. */
    var opacity: Float
        get() = painter.opacity
        set(value) {
            painter.opacity = value
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

    /** The classes of a result; null where the model that is open has others. */
    var classesOf: (Result) -> ShownClasses? = { null }
    var onResized: (width: Int, height: Int) -> Unit = { _, _ -> }
    var onTapped: () -> Unit = {}

    /** The picture was zoomed or moved. */
    var onMoved: () -> Unit = {}

    /** The name of what is at the tapped place; null where none was tapped or nothing is there. */
    val tappedName: String?
        get() {
            val place = tapped ?: return null
            val result = result ?: return null
            return classesOf(result)?.let { painter.nameAt(result.findings, place.x, place.y, it) }
        }

    /** What was drawn last; another result may have come since. */
    var drawn: Result? = null
        private set
    private var result: Result? = null
    private var free = Size(0, 0)
    private val placement = Placement()
    private val gestures = StageGestures(this, placement, this)
    private val mark = TapMark(resources)
    private val backdrop = Backdrop()

    // From 0 to 1 along each side of the picture, so that it stays where it is when the view is turned.
    private var tapped: PointF? = null
    private var touched = false

    // The opened picture that was shown last.
    private var seenPicture: Bitmap? = null
    private val picturePaint = Paint(Paint.FILTER_BITMAP_FLAG)
    private val seenPlace = RectF()
    private val matrixOfContent = Matrix()
    private val matrixValues = FloatArray(9)

    /** Whether an opened picture is seen. */
    val isOpened: Boolean get() = result?.picture != null

    /** Shows a result: over its opened picture, or over the camera's preview where it has none. */
    fun show(next: Result?) {
        result = next
        if (next != null) {
            if (next.picture !== seenPicture) {
                // What was named and looked at closely was in the one before.
                tapped = null
                placement.reset()
            }
            seenPicture = next.picture
            place(next.pictureWidth, next.pictureHeight, isLive = next.picture == null)
        }
        invalidate()
    }

    /** Where a preview lies that fills a view of this one's size, turned by [turnDegrees] from its upright picture. */
    fun previewMatrix(pictureWidth: Int, pictureHeight: Int, turnDegrees: Int): Matrix {
        place(pictureWidth, pictureHeight, isLive = true)
        return matrixOf(width, height, turnDegrees)
    }

    /** What is seen of a preview of this view's size that is placed by a matrix, with the labels over it. */
    fun over(preview: Bitmap, placedBy: Matrix): Bitmap {
        val seen = Rect()
        RectF(placement.left, placement.top, placement.left + placement.width, placement.top + placement.height).round(seen)
        if (!seen.intersect(0, 0, preview.width, preview.height)) return preview
        val composed = Bitmap.createBitmap(seen.width(), seen.height(), Bitmap.Config.ARGB_8888)
        val canvas = Canvas(composed)
        canvas.translate(-seen.left.toFloat(), -seen.top.toFloat())
        canvas.drawBitmap(preview, placedBy, picturePaint)
        drawFindings(canvas)
        return composed
    }

    private fun drawFindings(canvas: Canvas) {
        val result = result ?: return
        val textSize = resources.getDimension(R.dimen.box_name)
        seenPlace.set(placement.left, placement.top, placement.left + placement.width, placement.top + placement.height)
        val unit = resources.displayMetrics.density
        painter.draw(canvas, result.findings, seenPlace, classesOf(result), unit, textSize, placement.coveredTop.toFloat())
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
        drawn = result
        val result = result ?: return
        result.picture?.let {
            backdrop.draw(canvas, it, width, height)
            canvas.drawBitmap(it, matrixOf(it.width, it.height), picturePaint)
        }
        if (!comparing) drawFindings(canvas)
        drawMark(canvas, result)
    }

    private fun drawMark(canvas: Canvas, result: Result) {
        val place = tapped ?: return
        val classes = classesOf(result) ?: return
        val name = painter.nameAt(result.findings, place.x, place.y, classes) ?: return
        val classId = result.findings.classAt(place.x, place.y, classes) ?: return
        val at = placeOf(place.x, place.y)
        mark.draw(canvas, at.x, at.y, name, classes.palette[classId], placement.coveredTop)
    }
}
