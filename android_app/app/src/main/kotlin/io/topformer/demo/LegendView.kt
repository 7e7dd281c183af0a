package io.topformer.demo

import android.content.Context
import android.util.AttributeSet
import io.topformer.core.ShareRanking
import java.text.NumberFormat

/** The classes in view, largest first, each with its colour and share; a tap shows one alone, a long press hides it. */
class LegendView(context: Context, attributes: AttributeSet?) : FlowView(context, attributes) {
    interface Listener {
        fun onAlone(classId: Int)

        fun onHide(classId: Int)

        fun onShowAll()
    }

    var listener: Listener? = null
    private val percent = NumberFormat.getPercentInstance()
    private val all = LegendChip(context).apply {
        showCommand(context.getString(R.string.show_all))
        setOnClickListener { listener?.onShowAll() }
    }
    private val chips = List(MOST_CHIPS) { newChip() }
    private val listed = ArrayList<Int>()

    init {
        addView(all)
        chips.forEach(::addView)
    }

    fun show(ranking: ShareRanking, classes: ShownClasses) {
        listed.clear()
        classes.alone?.let { listed += it }
        for (place in 0 until ranking.size) ranking.classAt(place).let { if (it != classes.alone) listed += it }
        all.visibility = if (classes.isAll) GONE else VISIBLE
        chips.forEachIndexed { place, chip ->
            val classId = listed.getOrNull(place)
            chip.visibility = if (classId == null) GONE else VISIBLE
            if (classId != null) {
                chip.show(classId, classes, percent.format(ranking.shareOf(classId).toDouble()))
            }
        }
    }

    private fun newChip() = LegendChip(context).apply {
        visibility = GONE
        setOnClickListener { listener?.onAlone(classId) }
        setOnLongClickListener {
            listener?.onHide(classId)
            true
        }
    }

    private companion object {
        const val MOST_CHIPS = 12
    }
}
