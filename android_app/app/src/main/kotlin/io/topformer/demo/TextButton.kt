package io.topformer.demo

import android.annotation.SuppressLint
import android.content.Context
import android.util.AttributeSet
import android.widget.Button
import android.widget.TextView

/** A text that a screen reader calls a button where it can be pressed. */
@SuppressLint("AppCompatCustomView")
open class TextButton(context: Context, attributes: AttributeSet? = null) : TextView(context, attributes) {
    override fun getAccessibilityClassName(): CharSequence = (if (isClickable) Button::class else TextView::class).java.name
}
