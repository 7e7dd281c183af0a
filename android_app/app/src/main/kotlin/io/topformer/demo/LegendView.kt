package io.topformer.demo

import android.content.Context
import android.util.AttributeSet
import io.topformer.core.ClassRanking

/** The classes in view, largest first, each with its colour and amount; a tap shows one alone, a long press hides it. */
class LegendView(context: Context, attributes: AttributeSet?) : FlowView(context, attributes) {
    interface Listener {
        fun onAlone(classId: Int)

        fun onHide(classId: Int)

        fun onShowAll()
    }

    var listener: Listener? = null
    private val all = LegendChip(context).apply {
        showCommand(context.getString(R.string.show_all))
        setOnClickListener { listener?.onShowAll() }
    }
    private val none = LegendChip(context).apply { showNote(context.getString(R.string.nothing_found)) }
    private val chips = List(MOST_CHIPS) { newChip() }
    private val listed = ArrayList<Int>()

    init {
        addView(all)
        addView(none)
        chips.forEach(::addView)
    }

    /** Shows them with their amounts as [tell] writes them, and where [mayBeNone] says where there are none. */
    fun show(ranking: ClassRanking, classes: ShownClasses, mayBeNone: Boolean, tell: (amount: Float) -> String) {
        listed.clear()
        classes.alone?.let { listed += it }
        for (place in 0 until ranking.size) ranking.classAt(place).let { if (it != classes.alone) listed += it }
        none.visibility = if (mayBeNone && listed.isEmpty()) VISIBLE else GONE
        all.visibility = if (classes.isAll) GONE else VISIBLE
        chips.forEachIndexed { place, chip ->
            val classId = listed.getOrNull(place)
            chip.visibility = if (classId == null) GONE else VISIBLE
            if (classId != null) {
                chip.show(classId, classes, tell(ranking.amountOf(classId)))
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
