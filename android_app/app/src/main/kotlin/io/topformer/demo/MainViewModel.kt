package io.topformer.demo

import android.content.Context
import android.content.Intent
import android.graphics.Bitmap
import androidx.lifecycle.AndroidViewModel
import io.topformer.core.Colours
import io.topformer.core.YuvFrame

/** What only a screen can ask its user for. */
enum class Wish { CAMERA_PERMISSION, PICTURE, MODEL_FILES, MODEL_MENU }

/** What the one screen shows, and all that goes on behind it: outlives the screen where that is built anew. */
class MainViewModel(private val application: DemoApplication) :
    AndroidViewModel(application), ModelControl.Host, CameraControl.Host, StillControl.Host {
    /** The screen that there is. */
    interface Ui {
        /** Something that is shown has changed, other than the result. */
        fun render()

        fun showResult(result: Result)

        fun ask(wish: Wish)

        fun open(intent: Intent)
    }

    /** None while the screen is built anew. */
    var ui: Ui? = null
    val settings = Settings(application.getSharedPreferences("settings", Context.MODE_PRIVATE)) { ui?.render() }
    val notices = Notices { ui?.render() }
    private val files = UserFiles(application)
    val model = ModelControl(application, settings, notices, files, this)
    val camera = CameraControl(application, settings, notices, this)
    val still = StillControl(application, files, settings, notices, this)
    val times = Times()

    /** What is seen; null before there is any. */
    var shown: Result? = null
        private set

    // The system may still be drawing it.
    private var shownBefore: Result? = null
    private var drawn = true
    var frozen = false
        private set
    private var visible = false
    override val progress: Preview.Progress get() = model.engine

    init {
        model.open()
        settings.still?.let(still::reopen)
    }

    /** The screen has come to the front. */
    fun enter() {
        visible = true
        model.resume()
        camera.turn()
        startCamera()
    }

    /** The screen has gone from the front, and not only to be built anew. */
    fun leave() {
        visible = false
        camera.stop()
    }

    /** The size at which a picture's labels will be seen. */
    fun showAt(width: Int, height: Int) {
        model.engine.showAt(width, height)
        still.frame?.let(model.engine::submit)
    }

    fun freeze(freeze: Boolean) {
        frozen = freeze
        model.engine.takeFrames(!frozen && still.frame == null)
        camera.freeze(frozen)
        ui?.render()
    }

    /** Offers what is seen to other apps: labels over an opened picture, or over what the camera [sees]. */
    fun share(sees: () -> Bitmap?) {
        val result = shown ?: return
        val picture = result.picture ?: sees() ?: return
        val text = application.getString(R.string.share_text, result.manifest.variant)
        files.share(compose(picture, result, settings.opacity), text, { ui?.open(it) }) {
            tellOnce(R.string.not_shared, it.message.orEmpty())
        }
    }

    /** Paints labels in other colours, 0xAARRGGBB by class of the open model; an alpha of 0 takes them away. */
    fun paint(argb: IntArray) {
        model.engine.paint(argb)
        shown?.takeIf { it.manifest.classCount == argb.size }?.paint(Colours(argb.size).apply { load(inMemory(argb)) })
        ui?.render()
    }

    /** A notice that its user closes. */
    fun tellOnce(what: Int, why: String) {
        val close = NoticeAction(R.string.close) { notices.picture = null }
        notices.picture = Notice(application.getString(what), why, close)
    }

    override fun ask(wish: Wish) {
        ui?.ask(wish)
    }

    override fun open(intent: Intent) {
        ui?.open(intent)
    }

    override fun onModel(opened: OpenedModel) {
        times.clear()
        ui?.render()
        still.frame?.let(model.engine::submit)
        startCamera()
    }

    override fun onResult() {
        if (frozen) return
        val results = model.engine.results
        val result = results.use() ?: return
        shownBefore?.let { results.giveBack(it) }
        shownBefore = shown
        shown = result
        drawn = false
        camera.onLabels(result.timestampNs)
        if (notices.shown == null) ui?.showResult(result)
    }

    /** What is [shown] is on the screen. */
    fun onDrawn() {
        if (!drawn) shown?.let { times.add(it.timings, application.clock.nowNs()) }
        drawn = true
    }

    override fun onFrame(frame: YuvFrame, turnDegrees: Int, mirror: Boolean, timestampNs: Long) =
        model.engine.prepare(frame, turnDegrees, mirror, timestampNs)

    override fun onPicture() {
        ui?.render()
    }

    override fun onStill(frame: StillFrame?) {
        freeze(false)
        if (frame == null) return startCamera()
        camera.stop()
        model.engine.submit(frame)
    }

    override fun onCleared() {
        camera.stop()
        model.close()
        files.close()
    }

    private fun startCamera() {
        if (settings.still == null && visible) camera.start()
    }
}
