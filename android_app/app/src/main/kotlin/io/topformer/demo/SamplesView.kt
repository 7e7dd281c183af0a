package io.topformer.demo

import android.content.ContentResolver
import android.content.Context
import android.graphics.BitmapFactory
import android.graphics.Outline
import android.net.Uri
import android.util.AttributeSet
import android.view.View
import android.view.ViewOutlineProvider
import android.widget.ImageView

/** A picture that comes with the app. */
class Sample(val drawable: Int, val title: Int) {
    fun uri(context: Context): Uri = Uri.Builder().scheme(ContentResolver.SCHEME_ANDROID_RESOURCE).authority(context.packageName)
        .appendPath("drawable").appendPath(context.resources.getResourceEntryName(drawable)).build()

    companion object {
        val ALL = listOf(
            Sample(R.drawable.sample_china, R.string.sample_china),
            Sample(R.drawable.sample_coffee, R.string.sample_coffee),
            Sample(R.drawable.sample_chelsea, R.string.sample_chelsea),
            Sample(R.drawable.sample_astronaut, R.string.sample_astronaut),
        )
    }
}

/** The pictures that come with the app, small, to be tapped. */
class SamplesView(context: Context, attributes: AttributeSet? = null) : FlowView(context, attributes) {
    var onChosen: (Sample) -> Unit = {}
    override val lineGap: Int get() = (8 * resources.displayMetrics.density).toInt()

    // Most starts of the app show none of them, and need not decode them.
    override fun onVisibilityAggregated(isVisible: Boolean) {
        super.onVisibilityAggregated(isVisible)
        if (isVisible && childCount == 0) for (sample in Sample.ALL) addView(thumbnail(sample))
    }

    private fun thumbnail(sample: Sample) = ImageView(context).apply {
        val side = (64 * resources.displayMetrics.density).toInt()
        layoutParams = LayoutParams(side, side)
        scaleType = ImageView.ScaleType.CENTER_CROP
        val coarse = BitmapFactory.Options().apply { inSampleSize = 4 }
        setImageBitmap(BitmapFactory.decodeResource(resources, sample.drawable, coarse))
        contentDescription = resources.getString(sample.title)
        outlineProvider = Rounded
        clipToOutline = true
        foreground = context.getDrawable(R.drawable.touched)
        isClickable = true
        isFocusable = true
        setOnClickListener { onChosen(sample) }
    }

    private object Rounded : ViewOutlineProvider() {
        override fun getOutline(view: View, outline: Outline) {
            outline.setRoundRect(0, 0, view.width, view.height, 14 * view.resources.displayMetrics.density)
        }
    }
}
