package io.topformer.demo

import android.content.Context
import android.graphics.Rect
import android.util.AttributeSet
import android.view.View
import android.view.WindowInsets
import android.widget.FrameLayout
import androidx.core.view.WindowInsetsCompat
import androidx.core.view.WindowInsetsCompat.Type

/**
 * The picture from edge to edge, the sheet over it, and notices in the middle of what the sheet and the system's bars
 * leave free. A [SheetView] lies at the bottom, any other sheet at the end.
 */
class StageLayout(context: Context, attributes: AttributeSet?) : FrameLayout(context, attributes) {
    private val picture: PictureView by lazy { requireViewById(R.id.picture) }
    private val scrim: View by lazy { requireViewById(R.id.status_scrim) }
    private val notice: View by lazy { requireViewById(R.id.notice_place) }
    private val sheet: View by lazy { requireViewById(R.id.sheet) }
    private val density = resources.displayMetrics.density
    private val margin = (16 * density).toInt()
    private val bars = Rect()
    private val covered = Rect()

    override fun onFinishInflate() {
        super.onFinishInflate()
        picture.liveFills = sheet is SheetView
        keepSheetClear()
    }

    override fun onApplyWindowInsets(insets: WindowInsets): WindowInsets {
        val found = WindowInsetsCompat.toWindowInsetsCompat(insets, this).getInsets(Type.systemBars() or Type.displayCutout())
        bars.set(found.left, found.top, found.right, found.bottom)
        keepSheetClear()
        scrim.layoutParams.height = if (bars.top == 0) 0 else bars.top + margin
        requestLayout()
        return insets
    }

    /** Keeps the sheet clear of the system's bars: the bottom one behind, one at the side wholly. */
    private fun keepSheetClear() {
        (sheet as? SheetView)?.let {
            it.coveredBottom = bars.bottom
            return it.setPadding(bars.left, 0, bars.right, 0)
        }
        val space = margin * 3 / 4
        val toRight = if (layoutDirection == LAYOUT_DIRECTION_RTL) bars.left else bars.right
        // Set anew, for only then Android works out on which side the end is.
        sheet.layoutParams = (sheet.layoutParams as MarginLayoutParams).apply {
            topMargin = bars.top + space
            bottomMargin = bars.bottom + space
            marginEnd = toRight + space
        }
    }

    override fun onMeasure(widthMeasureSpec: Int, heightMeasureSpec: Int) {
        super.onMeasure(widthMeasureSpec, heightMeasureSpec)
        covered.set(bars)
        val sheet = sheet
        when {
            sheet is SheetView -> covered.bottom = sheet.collapsedHeight
            layoutDirection == LAYOUT_DIRECTION_RTL -> covered.left = widthOf(sheet)
            else -> covered.right = widthOf(sheet)
        }
        val noticeWidth = minOf(measuredWidth - covered.left - covered.right - 2 * margin, (MOST_NOTICE_DP * density).toInt())
        notice.measure(
            MeasureSpec.makeMeasureSpec(noticeWidth.coerceAtLeast(0), MeasureSpec.EXACTLY),
            MeasureSpec.makeMeasureSpec(
                (measuredHeight - covered.top - covered.bottom - 2 * margin).coerceAtLeast(0),
                MeasureSpec.AT_MOST,
            ),
        )
    }

    // As much space on its other side as at its end.
    private fun widthOf(sheet: View) = sheet.measuredWidth + 2 * (sheet.layoutParams as MarginLayoutParams).marginEnd

    override fun onLayout(changed: Boolean, left: Int, top: Int, right: Int, bottom: Int) {
        super.onLayout(changed, left, top, right, bottom)
        val x = (covered.left + width - covered.right - notice.measuredWidth) / 2
        val y = (covered.top + height - covered.bottom - notice.measuredHeight) / 2
        notice.layout(x, y, x + notice.measuredWidth, y + notice.measuredHeight)
        picture.setCovered(covered.left, covered.top, covered.right, covered.bottom)
    }

    private companion object {
        const val MOST_NOTICE_DP = 420
    }
}
