package io.topformer.demo

import android.content.Context
import android.util.AttributeSet
import android.view.View
import android.view.ViewGroup

/** Children side by side, on as many lines as they need; on one where the width is free, as within what scrolls. */
open class FlowView(context: Context, attributes: AttributeSet? = null) : ViewGroup(context, attributes) {
    private val gap = (8 * resources.displayMetrics.density).toInt()

    /** Between one line and the next. */
    protected open val lineGap: Int get() = 0

    override fun onMeasure(widthMeasureSpec: Int, heightMeasureSpec: Int) {
        val isFree = MeasureSpec.getMode(widthMeasureSpec) == MeasureSpec.UNSPECIFIED
        val most = if (isFree) Int.MAX_VALUE else MeasureSpec.getSize(widthMeasureSpec)
        val room = if (isFree) 0 else most - paddingLeft - paddingRight
        val across = MeasureSpec.makeMeasureSpec(room, if (isFree) MeasureSpec.UNSPECIFIED else MeasureSpec.AT_MOST)
        val down = MeasureSpec.makeMeasureSpec(0, MeasureSpec.UNSPECIFIED)
        for (child in shown()) {
            val wanted = child.layoutParams
            child.measure(getChildMeasureSpec(across, 0, wanted.width), getChildMeasureSpec(down, 0, wanted.height))
        }
        var widest = 0
        val height = place(most) { child, x, _ -> widest = maxOf(widest, x + child.measuredWidth) }
        val wanted = widest + paddingRight
        setMeasuredDimension(resolveSize(wanted, widthMeasureSpec), maxOf(height, suggestedMinimumHeight))
    }

    override fun onLayout(changed: Boolean, left: Int, top: Int, right: Int, bottom: Int) {
        place(right - left) { child, x, y ->
            val start = if (layoutDirection == LAYOUT_DIRECTION_RTL) right - left - x - child.measuredWidth else x
            child.layout(start, y, start + child.measuredWidth, y + child.measuredHeight)
        }
    }

    /** Tells where each child goes, and returns the height of all. */
    private inline fun place(width: Int, put: (View, Int, Int) -> Unit): Int {
        var x = paddingLeft
        var y = paddingTop
        var lineHeight = 0
        for (child in shown()) {
            if (x > paddingLeft && child.measuredWidth > width - paddingRight - x) {
                x = paddingLeft
                y += lineHeight + lineGap
                lineHeight = 0
            }
            put(child, x, y)
            x += child.measuredWidth + gap
            lineHeight = maxOf(lineHeight, child.measuredHeight)
        }
        return y + lineHeight + paddingBottom
    }

    private fun shown() = (0 until childCount).asSequence().map(::getChildAt).filter { it.visibility != GONE }
}

/** Tools in columns of one width, on as few lines as their captions allow. */
class ToolsView(context: Context, attributes: AttributeSet?) : ViewGroup(context, attributes) {
    private var columns = 1

    override fun onMeasure(widthMeasureSpec: Int, heightMeasureSpec: Int) {
        val width = MeasureSpec.getSize(widthMeasureSpec)
        val room = width - paddingLeft - paddingRight
        val any = MeasureSpec.makeMeasureSpec(0, MeasureSpec.UNSPECIFIED)
        children { it.measure(any, any) }
        var widest = 1
        children { widest = maxOf(widest, it.measuredWidth) }
        val lines = ceilOf(childCount, (room / widest).coerceIn(1, childCount))
        // As many on the last line as on the others, where that can be.
        columns = ceilOf(childCount, lines)
        val column = MeasureSpec.makeMeasureSpec(room / columns, MeasureSpec.EXACTLY)
        var tallest = 0
        children { it.measure(column, any) }
        children { tallest = maxOf(tallest, it.measuredHeight) }
        children { it.measure(column, MeasureSpec.makeMeasureSpec(tallest, MeasureSpec.EXACTLY)) }
        setMeasuredDimension(width, paddingTop + lines * tallest + paddingBottom)
    }

    override fun onLayout(changed: Boolean, left: Int, top: Int, right: Int, bottom: Int) {
        for (number in 0 until childCount) {
            val child = getChildAt(number)
            val column = number % columns
            val fromLeft = if (layoutDirection == LAYOUT_DIRECTION_RTL) columns - 1 - column else column
            val x = paddingLeft + fromLeft * child.measuredWidth
            val y = paddingTop + number / columns * child.measuredHeight
            child.layout(x, y, x + child.measuredWidth, y + child.measuredHeight)
        }
    }

    private inline fun children(action: (View) -> Unit) {
        for (number in 0 until childCount) action(getChildAt(number))
    }

    private fun ceilOf(count: Int, size: Int) = (count + size - 1) / size
}
