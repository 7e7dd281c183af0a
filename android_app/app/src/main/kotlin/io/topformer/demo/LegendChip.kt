package io.topformer.demo

import android.content.Context
import android.content.res.ColorStateList
import android.graphics.Paint
import android.graphics.drawable.GradientDrawable
import android.graphics.drawable.InsetDrawable
import android.graphics.drawable.RippleDrawable
import android.util.TypedValue
import android.view.Gravity
import android.view.accessibility.AccessibilityNodeInfo
import android.view.accessibility.AccessibilityNodeInfo.AccessibilityAction

/** One class of the legend. */
class LegendChip(context: Context) : TextButton(context) {
    var classId = NONE
        private set
    private val density = resources.displayMetrics.density
    private val swatch = GradientDrawable().apply {
        val side = (14 * density).toInt()
        setSize(side, side)
        cornerRadius = 7 * density
    }
    private val pill = GradientDrawable().apply { cornerRadius = 18 * density }
    private var isAlone = false

    init {
        val ripple = RippleDrawable(ColorStateList.valueOf(context.getColor(R.color.line)), pill, null)
        // Smaller to the eye than to a finger.
        background = InsetDrawable(ripple, 0, (6 * density).toInt(), 0, (6 * density).toInt())
        val side = (12 * density).toInt()
        setPaddingRelative(side, side, side, side)
        // A single line takes the height's place where it is set last.
        isSingleLine = true
        minHeight = (48 * density).toInt()
        gravity = Gravity.CENTER_VERTICAL
        compoundDrawablePadding = (8 * density).toInt()
        setTextSize(TypedValue.COMPLEX_UNIT_SP, 14f)
        fontFeatureSettings = "tnum"
        isClickable = true
        isFocusable = true
        colour(R.color.tile, R.color.text)
    }

    fun showCommand(command: String) {
        text = command
        colour(R.color.tile, R.color.accent)
    }

    /** Shows what nothing can be done with. */
    fun showNote(note: String) {
        text = note
        isClickable = false
        isFocusable = false
        colour(R.color.tile, R.color.quiet)
    }

    fun show(classId: Int, classes: ShownClasses, amount: String) {
        // Once, because each time asks for a new layout of all that the chip is in.
        if (this.classId == NONE) setCompoundDrawablesRelativeWithIntrinsicBounds(swatch, null, null, null)
        this.classId = classId
        isAlone = classes.alone == classId
        val isSeen = classes.isSeen(classId)
        val shown = resources.getString(R.string.class_share, classes.names[classId], amount)
        if (!text.contentEquals(shown)) text = shown
        val isHidden = classId in classes.hidden
        contentDescription = when {
            isAlone -> resources.getString(R.string.alone, shown)
            isHidden -> resources.getString(R.string.hidden, shown)
            else -> shown
        }
        colour(if (isAlone) R.color.accent else R.color.tile, if (isAlone) R.color.on_accent else R.color.text)
        alpha = if (isSeen) 1f else UNSEEN_ALPHA
        paintFlags = if (isHidden) paintFlags or Paint.STRIKE_THRU_TEXT_FLAG else paintFlags and Paint.STRIKE_THRU_TEXT_FLAG.inv()
        swatch.setColor(classes.palette[classId])
        swatch.setStroke(density.toInt(), context.getColor(if (isAlone) R.color.on_accent else R.color.line))
    }

    override fun onInitializeAccessibilityNodeInfo(info: AccessibilityNodeInfo) {
        super.onInitializeAccessibilityNodeInfo(info)
        if (classId == NONE) return
        val tap = resources.getString(if (isAlone) R.string.show_others else R.string.show_alone)
        info.addAction(AccessibilityAction(AccessibilityNodeInfo.ACTION_CLICK, tap))
        info.addAction(AccessibilityAction(AccessibilityNodeInfo.ACTION_LONG_CLICK, resources.getString(R.string.hide)))
    }

    private fun colour(back: Int, front: Int) {
        pill.setColor(context.getColor(back))
        setTextColor(context.getColor(front))
    }

    private companion object {
        const val NONE = -1
        const val UNSEEN_ALPHA = 0.6f
    }
}
