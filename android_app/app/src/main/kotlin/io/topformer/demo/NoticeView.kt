package io.topformer.demo

import android.content.Context
import android.util.AttributeSet
import android.widget.Button
import android.widget.LinearLayout
import android.widget.TextView

/** A notice as a card. */
class NoticeView(context: Context, attributes: AttributeSet?) : LinearLayout(context, attributes) {
    val samples: SamplesView by lazy { requireViewById(R.id.notice_samples) }
    private val buttons: List<Button> by lazy {
        listOf(R.id.notice_action, R.id.notice_second_action).map { requireViewById(it) }
    }

    fun show(notice: Notice?) {
        visibility = if (notice == null) GONE else VISIBLE
        if (notice == null) return
        requireViewById<TextView>(R.id.notice_what).text = notice.what
        requireViewById<TextView>(R.id.notice_why).text = notice.why
        samples.visibility = if (notice.offersPictures) VISIBLE else GONE
        buttons.forEachIndexed { place, button ->
            val action = notice.actions.getOrNull(place)
            button.visibility = if (action == null) GONE else VISIBLE
            if (action != null) {
                button.setText(action.text)
                button.setOnClickListener { action.run() }
            }
        }
    }
}
