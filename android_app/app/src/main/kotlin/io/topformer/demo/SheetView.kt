package io.topformer.demo

import android.annotation.SuppressLint
import android.content.Context
import android.util.AttributeSet
import android.view.MotionEvent
import android.view.View
import android.view.ViewConfiguration
import android.widget.LinearLayout
import kotlin.math.abs

/** A sheet of two parts: the first is always there, the second comes up when it is drawn or asked for. */
class SheetView(context: Context, attributes: AttributeSet?) : LinearLayout(context, attributes) {
    /** Whether the second part can be seen, once the sheet has come to rest. */
    var isExpanded = false
        private set
    var onExpanded: (Boolean) -> Unit = {}

    /** What lies over the bottom of the sheet. */
    var coveredBottom = 0
        set(value) {
            field = value
            second.setPadding(0, 0, 0, value)
        }

    /** How much of the sheet is seen while only its first part is. */
    val collapsedHeight: Int get() = first.measuredHeight + coveredBottom

    private val first: View get() = getChildAt(0)
    private val second: View get() = getChildAt(1)
    private val mostWidth = resources.getDimensionPixelSize(R.dimen.sheet_most_width)
    private val slop = ViewConfiguration.get(context).scaledTouchSlop
    private var settling = false
    private var dragging = false

    // How much of the second part is seen, from 0 to 1.
    private var shown = 0f
        set(value) {
            field = value
            translationY = (1 - value) * (second.height - coveredBottom)
            second.alpha = value
            second.visibility = if (value > 0) VISIBLE else INVISIBLE
        }
    private var downX = 0f
    private var downY = 0f
    private var lastY = 0f
    private var upwards = false

    fun expand(expanded: Boolean) {
        val changed = isExpanded != expanded
        isExpanded = expanded
        settle(if (expanded) 1f else 0f)
        if (changed) onExpanded(expanded)
    }

    private fun settle(target: Float) {
        settling = true
        second.visibility = VISIBLE
        second.animate().alpha(target).setDuration(SETTLE_MS)
        animate().translationY((1 - target) * (second.height - coveredBottom)).setDuration(SETTLE_MS).withEndAction {
            settling = false
            shown = target
        }
    }

    /** A finger takes it where it is. */
    private fun catchIt() {
        animate().cancel()
        second.animate().cancel()
        settling = false
        shown = (1 - translationY / (second.height - coveredBottom).coerceAtLeast(1)).coerceIn(0f, 1f)
    }

    override fun onMeasure(widthMeasureSpec: Int, heightMeasureSpec: Int) {
        val width = minOf(MeasureSpec.getSize(widthMeasureSpec), mostWidth)
        val most = MeasureSpec.getSize(heightMeasureSpec) * 9 / 10
        super.onMeasure(
            MeasureSpec.makeMeasureSpec(width, MeasureSpec.EXACTLY),
            MeasureSpec.makeMeasureSpec(most, MeasureSpec.AT_MOST),
        )
    }

    override fun onLayout(changed: Boolean, left: Int, top: Int, right: Int, bottom: Int) {
        super.onLayout(changed, left, top, right, bottom)
        // Texts within it change several times a second, also under a finger.
        if (!settling) shown = if (dragging) shown else if (isExpanded) 1f else 0f
    }

    override fun onInterceptTouchEvent(event: MotionEvent): Boolean {
        when (event.actionMasked) {
            MotionEvent.ACTION_DOWN -> {
                downX = event.x
                downY = event.rawY
                lastY = event.rawY
            }
            MotionEvent.ACTION_MOVE -> {
                val dy = event.rawY - downY
                return abs(dy) > slop && abs(dy) > abs(event.x - downX) && !scrolls(event.y, dy)
            }
        }
        return false
    }

    /** Whether the part below a finger has something to scroll that way. */
    private fun scrolls(y: Float, dy: Float): Boolean {
        val part = if (y < first.bottom) first else second
        return part.canScrollVertically(if (dy > 0) -1 else 1)
    }

    @SuppressLint("ClickableViewAccessibility")
    override fun onTouchEvent(event: MotionEvent): Boolean {
        when (event.actionMasked) {
            MotionEvent.ACTION_MOVE -> {
                if (settling) catchIt()
                dragging = true
                upwards = event.rawY < lastY
                shown = (shown - (event.rawY - lastY) / second.height.coerceAtLeast(1)).coerceIn(0f, 1f)
                lastY = event.rawY
            }
            MotionEvent.ACTION_UP, MotionEvent.ACTION_CANCEL -> {
                if (dragging) expand(if (abs(event.rawY - downY) > slop) upwards else isExpanded)
                dragging = false
            }
        }
        return true
    }

    private companion object {
        const val SETTLE_MS = 220L
    }
}
