package io.topformer.demo

import android.app.Activity
import android.graphics.Bitmap
import android.os.SystemClock
import android.view.TextureView
import android.view.View
import android.widget.SeekBar
import android.widget.TextView
import io.topformer.core.ClassRanking
import java.text.NumberFormat
import kotlin.math.roundToInt

/** The views of the activity and what they show. What their buttons do is the activity's. */
class Screen(private val activity: Activity, private val main: MainViewModel) {
    val picture: PictureView = activity.requireViewById(R.id.picture)
    val preview: TextureView = activity.requireViewById(R.id.preview)
    val notice: NoticeView = activity.requireViewById(R.id.notice)
    val details = Details(activity, main)

    /** Null where all of the sheet can be seen. */
    val sheet: SheetView? = activity.requireViewById<View>(R.id.sheet) as? SheetView
    private val legend: LegendView = activity.requireViewById(R.id.legend)
    private val opacity: SeekBar = activity.requireViewById(R.id.opacity)
    private val opacityLabel: TextView = activity.requireViewById(R.id.opacity_label)
    private val opacityRow: View = activity.requireViewById(R.id.opacity_row)
    private val timingLine: TextView = activity.requireViewById(R.id.timing_line)
    private val openPicture: TextView = activity.requireViewById(R.id.open_picture)
    private val freeze: TextView = activity.requireViewById(R.id.freeze)
    private val flip: TextView = activity.requireViewById(R.id.flip)
    private val compare: HoldView = activity.requireViewById(R.id.compare)
    private val share: TextView = activity.requireViewById(R.id.share)
    private val moreButton: TextView = activity.requireViewById(R.id.details_button)
    private val percent = NumberFormat.getPercentInstance()
    private val whole = NumberFormat.getIntegerInstance()
    private var ranking = ClassRanking(0, ONE_PERCENT)
    private var ranked: Bitmap? = null
    private var textsAtMs = -TEXTS_EVERY_MS

    init {
        val manyParts = if (sheet == null) View.GONE else View.VISIBLE
        // The camera's picture need not cover all of it; what is behind is drawn too.
        preview.isOpaque = false
        activity.requireViewById<View>(R.id.handle).visibility = manyParts
        moreButton.visibility = manyParts
        moreButton.setOnClickListener { sheet?.run { expand(!isExpanded) } }
        compare.onHold = { picture.comparing = it }
        picture.classesOf = main::classesOf
        picture.onTapped = {
            val nothing = if (main.shown?.findings is FoundBoxes) text(R.string.nothing_here) else null
            (picture.tappedName ?: nothing)?.let(picture::announceForAccessibility)
        }
        opacity.progress = (main.settings.opacity * 100).roundToInt()
        opacity.setOnSeekBarChangeListener(object : SeekBar.OnSeekBarChangeListener {
            override fun onProgressChanged(bar: SeekBar, progress: Int, fromUser: Boolean) {
                main.settings.opacity = progress / 100f
            }

            override fun onStartTrackingTouch(bar: SeekBar) = Unit

            override fun onStopTrackingTouch(bar: SeekBar) = Unit
        })
        legend.listener = object : LegendView.Listener {
            override fun onAlone(classId: Int) = main.showAlone(classId)

            override fun onHide(classId: Int) = main.hide(classId)

            override fun onShowAll() = main.showAllClasses()
        }
    }

    /** Shows what is so now, other than a new result. */
    fun render() {
        val told = main.notices.shown
        val result = main.shown.takeIf { told == null }
        val isStill = main.still.hasPlace
        notice.show(told)
        picture.opacity = main.settings.opacity
        picture.show(result)
        // A screen reader would tell of a picture that is not there.
        picture.isFocusable = result != null
        picture.importantForAccessibility =
            if (result == null) View.IMPORTANT_FOR_ACCESSIBILITY_NO else View.IMPORTANT_FOR_ACCESSIBILITY_YES
        val words = main.model.opened?.manifest?.words ?: Words.LABELS
        opacity.contentDescription = text(words.opacity)
        compare.contentDescription = text(words.compare)
        opacityLabel.text = text(R.string.opacity_now, percent.format(main.settings.opacity.toDouble()))
        // Their place is kept while a picture is awaited: what is free for it is then the same before and after.
        val seen = if (told != null) View.GONE else if (result == null) View.INVISIBLE else View.VISIBLE
        // Of a picture that was frozen before a model with other classes was opened nothing can be chosen.
        legend.visibility = if (result != null && main.classesOf(result) == null) View.INVISIBLE else seen
        opacityRow.visibility = seen
        if (result == null) {
            timingLine.setText(if (told == null) R.string.starting else R.string.app_name)
        } else {
            tell(result)
        }
        if (isStill) freeze.showTool(R.string.live, R.drawable.camera) else showFreeze(main.frozen)
        freeze.isEnabled = isStill || result != null
        flip.isEnabled = !isStill && told == null && main.camera.canFlip
        openPicture.isEnabled = main.notices.model == null || main.model.opened != null
        compare.isEnabled = result != null
        share.isEnabled = result != null
        details.render(result != null)
    }

    fun showResult(result: Result) {
        picture.show(result)
        if (legend.visibility != View.VISIBLE) render()
    }

    /** Tells of what is drawn, a few times a second, so that it can be read. */
    fun showTexts() {
        val result = main.shown.takeIf { main.notices.shown == null } ?: return
        // The first, and one that no other follows, at once.
        val atOnce = main.times.whole.count <= 1 || main.still.frame != null
        if (atOnce || SystemClock.uptimeMillis() - textsAtMs >= TEXTS_EVERY_MS) tell(result)
    }

    private fun tell(result: Result) {
        textsAtMs = SystemClock.uptimeMillis()
        main.classesOf(result)?.let { tellFindings(result, it) }
        tellTimes()
    }

    private fun tellFindings(result: Result, classes: ShownClasses) {
        val findings = result.findings
        val areCounts = findings is FoundBoxes
        val step = if (areCounts) ONE_BOX else ONE_PERCENT
        if (ranking.classCount != findings.amounts.size || ranking.step != step) {
            ranking = ClassRanking(findings.amounts.size, step)
        }
        // Another picture has nothing to do with what was there before; boxes that stay can be counted.
        if (ranked !== result.picture || areCounts && main.frozen) ranking.clear()
        ranked = result.picture
        ranking.update(findings.amounts, textsAtMs)
        legend.show(ranking, classes, mayBeNone = areCounts, if (areCounts) ::count else ::share)
        val described = if (areCounts) text(R.string.boxes_described, found(classes)) else text(R.string.picture_described)
        if (picture.contentDescription != described) picture.contentDescription = described
    }

    private fun tellTimes() {
        val times = main.times
        val isStill = main.still.frame != null
        val rate = times.rate.perSecond
        timingLine.text = when {
            // Nothing comes, also where another model has been opened since.
            main.frozen && !isStill -> text(R.string.frozen)
            times.whole.count == 0 -> text(R.string.starting)
            isStill || rate == 0.0 -> text(R.string.ms, text(R.string.whole, times.whole.p50Ms))
            else -> text(R.string.fps_ms, text(R.string.whole, rate), text(R.string.whole, times.whole.p50Ms))
        }
        details.showTimes(times)
    }

    private fun share(amount: Float): String = percent.format(amount.toDouble())

    /** What is listed is there, if not in each frame. */
    private fun count(amount: Float): String =
        whole.format(if (amount < ONE_BOX / 4) 0 else amount.roundToInt().coerceAtLeast(1))

    /** All that the legend lists, in words. */
    private fun found(classes: ShownClasses): String {
        val listed = List(ranking.size, ranking::classAt).filter(classes::isSeen)
        if (listed.isEmpty()) return text(R.string.nothing)
        return listed.joinToString { text(R.string.class_share, classes.names[it], count(ranking.amountOf(it))) }
    }

    /** Puts the camera's picture where its labels are; null takes it away. */
    fun showPreview(size: Size?, displayDegrees: Int) {
        preview.visibility = if (size == null) View.INVISIBLE else View.VISIBLE
        // Until the camera's first labels are there, it lies behind an opened picture that has a place of its own.
        if (size == null || picture.isOpened) return
        val lying = displayDegrees % 180 == 90
        val width = if (lying) size.height else size.width
        val height = if (lying) size.width else size.height
        preview.setTransform(picture.previewMatrix(width, height, (360 - displayDegrees) % 360))
    }

    /** What is seen of the camera's picture, with the labels over it; null where there is none. */
    fun live(): Bitmap? = preview.bitmap?.let { picture.over(it, preview.getTransform(null)) }

    private fun showFreeze(frozen: Boolean) =
        if (frozen) freeze.showTool(R.string.resume, R.drawable.resume) else freeze.showTool(R.string.freeze, R.drawable.freeze)

    private fun TextView.showTool(name: Int, icon: Int) {
        setText(name)
        setCompoundDrawablesRelativeWithIntrinsicBounds(0, icon, 0, 0)
        tintAgain()
    }

    // Drawables that are set from code are not tinted by themselves.
    private fun TextView.tintAgain() {
        compoundDrawableTintList = compoundDrawableTintList
    }

    /** Whether the sheet is open, so that its button closes it. */
    fun showMore(expanded: Boolean) {
        moreButton.setText(if (expanded) R.string.details_less else R.string.details)
        val icon = if (expanded) R.drawable.less else R.drawable.more
        moreButton.setCompoundDrawablesRelativeWithIntrinsicBounds(0, 0, icon, 0)
        moreButton.tintAgain()
    }

    private fun text(id: Int, vararg values: Any): String = activity.getString(id, *values)

    private companion object {
        const val TEXTS_EVERY_MS = 250L

        // What amounts are told to.
        const val ONE_PERCENT = 0.01f
        const val ONE_BOX = 1f
    }
}
