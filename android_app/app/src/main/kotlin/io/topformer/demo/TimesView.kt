package io.topformer.demo

import android.content.Context
import android.util.AttributeSet
import android.view.Gravity
import android.widget.TableLayout
import android.widget.TableRow
import android.widget.TextView
import io.topformer.core.LatencyStats

/** How long each part of a frame takes, as a table: the median and the 90th percentile. */
class TimesView(context: Context, attributes: AttributeSet?) : TableLayout(context, attributes) {
    private val rows = LinkedHashMap<Int, List<TextView>>()
    private val results: TextView

    init {
        addRow(R.string.times_ms).zip(listOf(R.string.times_median, R.string.times_p90)) { cell, text -> cell.setText(text) }
        for (part in PARTS) rows[part] = addRow(part)
        results = nameOf(PARTS.indexOf(R.string.times_labels) + 1)
    }

    /** Says what is made of the model's outputs. */
    fun callResults(name: Int) = results.setText(name)

    /** Without times there are dashes. */
    fun show(times: Times?) {
        val parts = times?.run { listOf(preprocess, execute, postprocess, whole) }
        rows.values.forEachIndexed { place, cells ->
            val stats = parts?.get(place)?.takeIf { it.count > 0 }
            cells[0].text = stats.tell(LatencyStats::p50Ms)
            cells[1].text = stats.tell(LatencyStats::p90Ms)
        }
    }

    private fun LatencyStats?.tell(value: LatencyStats.() -> Double): String =
        if (this == null) NONE else resources.getString(R.string.one_decimal, value())

    private fun nameOf(row: Int) = (getChildAt(row) as TableRow).getChildAt(0) as TextView

    private fun addRow(name: Int): List<TextView> {
        val row = TableRow(context)
        row.addView(cell().apply { setText(name) })
        val cells = List(2) {
            cell().apply {
                gravity = Gravity.END
                setPaddingRelative((20 * resources.displayMetrics.density).toInt(), paddingTop, 0, paddingBottom)
            }
        }
        cells.forEach(row::addView)
        addView(row)
        return cells
    }

    private fun cell() = TextView(context, null, 0, R.style.Line).apply {
        fontFeatureSettings = "tnum"
    }

    private companion object {
        const val NONE = "–"
        val PARTS = listOf(R.string.times_input, R.string.times_model, R.string.times_labels, R.string.times_whole)
    }
}
