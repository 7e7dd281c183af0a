package io.topformer.demo

import android.content.Context
import android.util.AttributeSet
import android.widget.ScrollView

/** What always stands below the picture; scrolls where large fonts would leave the picture too little of the screen. */
class PanelView(context: Context, attributes: AttributeSet?) : ScrollView(context, attributes) {
    override fun onMeasure(widthMeasureSpec: Int, heightMeasureSpec: Int) {
        val most = MeasureSpec.getSize(heightMeasureSpec) * 3 / 5
        super.onMeasure(widthMeasureSpec, MeasureSpec.makeMeasureSpec(most, MeasureSpec.AT_MOST))
    }
}
