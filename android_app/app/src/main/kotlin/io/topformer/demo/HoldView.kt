package io.topformer.demo

import android.annotation.SuppressLint
import android.content.Context
import android.util.AttributeSet
import android.view.MotionEvent
import androidx.core.view.ViewCompat

/** A tool that does something while it is held. A screen reader's click, which can't be held, turns it on and off. */
class HoldView(context: Context, attributes: AttributeSet?) : TextButton(context, attributes) {
    var onHold: (held: Boolean) -> Unit = {}
    private var held = false
        set(value) {
            if (field == value) return
            field = value
            isActivated = value
            sayState()
            onHold(value)
        }

    init {
        sayState()
    }

    private fun sayState() = ViewCompat.setStateDescription(this, resources.getText(if (held) R.string.on else R.string.off))

    @SuppressLint("ClickableViewAccessibility")
    override fun onTouchEvent(event: MotionEvent): Boolean {
        if (!isEnabled) return super.onTouchEvent(event)
        when (event.actionMasked) {
            MotionEvent.ACTION_DOWN -> {
                parent.requestDisallowInterceptTouchEvent(true)
                held = true
            }
            MotionEvent.ACTION_UP, MotionEvent.ACTION_CANCEL -> held = false
        }
        isPressed = held
        return true
    }

    override fun performClick(): Boolean {
        super.performClick()
        held = !held
        return true
    }

    override fun setEnabled(enabled: Boolean) {
        super.setEnabled(enabled)
        if (!enabled) held = false
    }
}
