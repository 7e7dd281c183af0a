package io.topformer.demo

import android.app.Activity
import android.view.View
import android.widget.RadioGroup
import android.widget.TextView
import io.topformer.core.ModelManifest

/** What few need to know: speed part by part, heat, the model, colours. */
class Details(private val activity: Activity, private val main: MainViewModel) {
    val models: View = activity.requireViewById(R.id.models)
    val about: View = activity.requireViewById(R.id.about_model)
    private val times: TimesView = activity.requireViewById(R.id.times)
    private val heatLine: TextView = activity.requireViewById(R.id.heat_line)
    private val modelLine: TextView = activity.requireViewById(R.id.model_line)
    private val checkLine: TextView = activity.requireViewById(R.id.check_line)
    private val threadsLine: TextView = activity.requireViewById(R.id.threads_line)
    private val licenceLine: TextView = activity.requireViewById(R.id.licence_line)
    private val palette: RadioGroup = activity.requireViewById(R.id.palette)

    init {
        palette.check(if (main.settings.isVivid) R.id.palette_vivid else R.id.palette_own)
        palette.setOnCheckedChangeListener { _, id -> main.settings.isVivid = id == R.id.palette_vivid }
    }

    fun render(hasTimes: Boolean) {
        val opened = main.model.opened
        about.isEnabled = opened != null
        val threads = main.settings.threads
        threadsLine.text = text(R.string.threads_line, activity.resources.getQuantityString(R.plurals.threads, threads, threads))
        modelLine.text = opened?.let { lineOf(it.manifest) }
        modelLine.visibility = if (opened == null) View.GONE else View.VISIBLE
        showCheck(opened)
        opened?.let { times.callResults(it.manifest.words.timesPart) }
        licenceLine.visibility = if (opened == null) View.GONE else View.VISIBLE
        licenceLine.text = text(R.string.licence_line, opened?.manifest?.licence.orEmpty())
        if (!hasTimes) times.show(null)
    }

    fun showTimes(shown: Times) = times.show(shown)

    fun showHeat(status: Int) {
        val names = activity.resources.getStringArray(R.array.heat)
        heatLine.text = text(R.string.heat_line, names[status.coerceIn(names.indices)])
        heatLine.warn(status >= WARM)
    }

    private fun showCheck(opened: OpenedModel?) {
        val selfCheck = opened?.selfCheck
        checkLine.visibility = if (selfCheck == null) View.GONE else View.VISIBLE
        checkLine.text = when (selfCheck) {
            is SelfCheck.Passed -> text(R.string.check_passed)
            is SelfCheck.Differs -> text(opened.manifest.words.differsWhat)
            is SelfCheck.Unusable -> selfCheck.what
            is SelfCheck.Absent -> text(R.string.check_absent)
            null -> ""
        }
        checkLine.warn(selfCheck is SelfCheck.Differs || selfCheck is SelfCheck.Unusable)
    }

    private fun lineOf(manifest: ModelManifest): String {
        val quality = if (manifest.weightsAreRandom) text(manifest.words.randomWeights) else manifest.precision
        return text(R.string.model_line, manifest.variant, manifest.inputHeight, manifest.inputWidth, quality)
    }

    private fun TextView.warn(warns: Boolean) = setTextColor(activity.getColor(if (warns) R.color.warning else R.color.quiet))

    private fun text(id: Int, vararg values: Any): String = activity.getString(id, *values)

    private companion object {
        // PowerManager.THERMAL_STATUS_MODERATE, from which phones slow down.
        const val WARM = 2
    }
}
