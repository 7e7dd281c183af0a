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

    // By class id: the class under a finger or a screen reader's focus stays the same when others pass it.
    private val chips = HashMap<Int, LegendChip>()
    private var listed = emptyList<Int>()

    init {
        addView(all)
        addView(none)
    }

    /** Shows them with their amounts as [tell] writes them, and where [mayBeNone] says where there are none. */
    fun show(ranking: ClassRanking, classes: ShownClasses, mayBeNone: Boolean, tell: (amount: Float) -> String) {
        val ranked = List(ranking.size, ranking::classAt)
        arrange(listOfNotNull(classes.alone) + ranked.filter { it != classes.alone })
        none.visibility = if (mayBeNone && listed.isEmpty()) VISIBLE else GONE
        all.visibility = if (classes.isAll) GONE else VISIBLE
        for (classId in listed) chips.getValue(classId).show(classId, classes, tell(ranking.amountOf(classId)))
    }

    /** Puts the chips of these classes in this order. */
    private fun arrange(classIds: List<Int>) {
        if (classIds == listed) return
        for (classId in listed - classIds.toSet()) chips.getValue(classId).visibility = GONE
        for (classId in classIds) {
            val chip = chips.getOrPut(classId) { newChip().also(::addView) }
            chip.visibility = VISIBLE
            bringChildToFront(chip)
        }
        listed = classIds
    }

    private fun newChip() = LegendChip(context).apply {
        setOnClickListener { listener?.onAlone(classId) }
        setOnLongClickListener {
            listener?.onHide(classId)
            true
        }
    }
}
