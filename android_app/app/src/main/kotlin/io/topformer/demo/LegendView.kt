package io.topformer.demo

import android.content.Context
import android.graphics.drawable.GradientDrawable
import android.util.AttributeSet
import android.widget.GridLayout
import android.widget.TextView
import java.text.NumberFormat

/** The classes in view, largest first, each with its colour and share. */
class LegendView(context: Context, attributes: AttributeSet?) : GridLayout(context, attributes) {
    private val density = resources.displayMetrics.density
    private val percent = NumberFormat.getPercentInstance()
    private val entries = List(MOST_ENTRIES) { newEntry() }
    private val order = ArrayList<Int>()

    init {
        entries.forEach { (text, _) -> addView(text) }
    }

    fun show(result: Result) {
        val shares = result.shares
        val manifest = result.manifest
        order.clear()
        for (classId in shares.indices) if (shares[classId] >= LEAST_SHARE) order += classId
        order.sortByDescending { shares[it] }
        entries.forEachIndexed { place, (text, swatch) ->
            val classId = order.getOrNull(place)
            text.visibility = if (classId == null) INVISIBLE else VISIBLE
            if (classId != null) {
                swatch.setColor(manifest.palette[classId])
                val share = percent.format(shares[classId].toDouble())
                text.text = resources.getString(R.string.class_share, manifest.classNames[classId], share)
            }
        }
    }

    private data class Entry(val text: TextView, val swatch: GradientDrawable)

    private fun newEntry(): Entry {
        val swatch = GradientDrawable().apply {
            val side = (14 * density).toInt()
            setSize(side, side)
            cornerRadius = 3 * density
        }
        val text = TextView(context).apply {
            setCompoundDrawablesRelativeWithIntrinsicBounds(swatch, null, null, null)
            compoundDrawablePadding = (8 * density).toInt()
            setTextColor(context.getColor(R.color.text))
            setTextSize(android.util.TypedValue.COMPLEX_UNIT_SP, 14f)
            visibility = INVISIBLE
            layoutParams = LayoutParams(spec(UNDEFINED), spec(UNDEFINED, 1f)).apply { width = 0 }
        }
        return Entry(text, swatch)
    }

    private companion object {
        const val MOST_ENTRIES = 6

        // What rounds to a percent or more.
        const val LEAST_SHARE = 0.005f
    }
}
