package io.topformer.demo

import android.app.Activity
import android.view.TextureView
import android.view.View
import android.widget.Button
import android.widget.ImageButton
import android.widget.SeekBar
import android.widget.TextView
import io.topformer.core.ModelManifest
import kotlin.math.roundToInt

/** The views of the activity: what they show. What their buttons do is the activity's. */
class Screen(private val activity: Activity, settings: Settings) {
    val picture: SegmentationView = activity.requireViewById(R.id.picture)
    val preview: TextureView = activity.requireViewById(R.id.preview)
    val freeze: ImageButton = activity.requireViewById(R.id.freeze)
    val share: ImageButton = activity.requireViewById(R.id.share)
    val openPicture: ImageButton = activity.requireViewById(R.id.open_picture)
    val flip: ImageButton = activity.requireViewById(R.id.flip)
    val models: ImageButton = activity.requireViewById(R.id.models)
    val opacity: SeekBar = activity.requireViewById(R.id.opacity)
    private val legend: LegendView = activity.requireViewById(R.id.legend)
    private val modelLine: TextView = activity.requireViewById(R.id.model_line)
    private val checkLine: TextView = activity.requireViewById(R.id.check_line)
    private val timingLine: TextView = activity.requireViewById(R.id.timing_line)
    private val heatLine: TextView = activity.requireViewById(R.id.heat_line)
    private val noticeBox: View = activity.requireViewById(R.id.notice)
    private val noticeWhat: TextView = activity.requireViewById(R.id.notice_what)
    private val noticeWhy: TextView = activity.requireViewById(R.id.notice_why)
    private val noticeActions: List<Button> =
        listOf(R.id.notice_action, R.id.notice_second_action).map { activity.requireViewById(it) }

    private var textsAtMs = -TEXTS_EVERY_MS

    init {
        picture.opacity = settings.opacity
        opacity.progress = (settings.opacity * 100).roundToInt()
        opacity.setOnSeekBarChangeListener(object : SeekBar.OnSeekBarChangeListener {
            override fun onProgressChanged(bar: SeekBar, progress: Int, fromUser: Boolean) {
                settings.opacity = progress / 100f
                picture.opacity = settings.opacity
            }

            override fun onStartTrackingTouch(bar: SeekBar) = Unit

            override fun onStopTrackingTouch(bar: SeekBar) = Unit
        })
    }

    fun showModel(manifest: ModelManifest, selfCheck: SelfCheck) {
        val quality = if (manifest.weightsAreRandom) text(R.string.random_weights) else manifest.precision
        modelLine.text =
            text(R.string.model_line, manifest.variant, manifest.inputHeight, manifest.inputWidth, quality)
        checkLine.text = when (selfCheck) {
            is SelfCheck.Passed -> text(R.string.check_passed)
            is SelfCheck.Differs -> text(R.string.check_differs_what)
            is SelfCheck.Unusable -> selfCheck.what
            is SelfCheck.Absent -> text(R.string.check_absent)
        }
        val isDoubtful = selfCheck is SelfCheck.Differs || selfCheck is SelfCheck.Unusable
        checkLine.setTextColor(activity.getColor(if (isDoubtful) R.color.warning else R.color.quiet))
    }

    /** Puts the camera's picture where its labels are; null takes it away. */
    fun showPreview(size: Size?, displayDegrees: Int) {
        preview.visibility = if (size == null) View.INVISIBLE else View.VISIBLE
        if (size == null) return
        val lying = displayDegrees % 180 == 90
        val width = if (lying) size.height else size.width
        val height = if (lying) size.width else size.height
        preview.setTransform(picture.previewMatrix(width, height, (360 - displayDegrees) % 360))
    }

    /** Tells of a result that is drawn, a few times a second, so that it can be read. */
    fun showTexts(result: Result, times: Times, threads: Int, nowMs: Long) {
        if (nowMs - textsAtMs < TEXTS_EVERY_MS) return
        textsAtMs = nowMs
        legend.show(result)
        val stages = text(R.string.stages_line, times.preprocess.p50Ms, times.execute.p50Ms, times.postprocess.p50Ms)
        val threadsText = activity.resources.getQuantityString(R.plurals.threads, threads, threads)
        val rate = times.rate.perSecond
        val first = if (rate > 0) text(R.string.timing_line, rate, threadsText) else threadsText
        timingLine.text = activity.getString(R.string.two_lines, first, stages)
    }

    fun showHeat(status: Int) {
        val names = activity.resources.getStringArray(R.array.heat)
        heatLine.text = text(R.string.heat_line, names[status.coerceIn(names.indices)])
        heatLine.setTextColor(activity.getColor(if (status >= WARM) R.color.warning else R.color.quiet))
    }

    /** Puts a notice in the picture's place, or takes it away. */
    fun showNotice(notice: Notice?) {
        noticeBox.visibility = if (notice == null) View.GONE else View.VISIBLE
        if (notice == null) return
        picture.show(null)
        noticeWhat.text = notice.what
        noticeWhy.text = notice.why
        noticeActions.forEachIndexed { place, button ->
            val action = notice.actions.getOrNull(place)
            button.visibility = if (action == null) View.GONE else View.VISIBLE
            if (action != null) {
                button.setText(action.text)
                button.setOnClickListener { action.run() }
            }
        }
    }

    fun showFrozen(frozen: Boolean) {
        freeze.setImageResource(if (frozen) R.drawable.resume else R.drawable.freeze)
        freeze.contentDescription = text(if (frozen) R.string.resume else R.string.freeze)
    }

    fun showStill(still: Boolean) {
        openPicture.setImageResource(if (still) R.drawable.camera else R.drawable.picture)
        openPicture.contentDescription = text(if (still) R.string.live else R.string.open_picture)
        freeze.isEnabled = !still
        freeze.alpha = if (still) DISABLED_ALPHA else 1f
    }

    private fun text(id: Int, vararg values: Any): String = activity.getString(id, *values)

    private companion object {
        const val TEXTS_EVERY_MS = 250L
        const val DISABLED_ALPHA = 0.38f

        // PowerManager.THERMAL_STATUS_MODERATE, from which phones slow down.
        const val WARM = 2
    }
}
