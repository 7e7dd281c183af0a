package io.topformer.demo

import android.app.Application
import android.content.Context
import android.content.Intent
import androidx.lifecycle.AndroidViewModel

/** What only a screen can ask its user for. */
enum class Wish { CAMERA_PERMISSION, PICTURE, MODEL_FILES, MODEL_MENU }

/** What the one screen shows, and all that goes on behind it: outlives the screen where that is built anew. */
class MainViewModel(application: Application) :
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
    val model = ModelControl(application as DemoApplication, settings, notices, files, this)
    val camera = CameraControl(application, settings, notices, this)
    val still = StillControl(application, files, settings, notices, this)
    val times = Times()

    /** What is seen; null before there is any. */
    var shown: Result? = null
        private set
    var frozen = false
        private set
    private var visible = false

    // Whether the camera's frames go to the model; held while one is on its way, so that none comes after a picture.
    private val gate = Any()
    private var live = true

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
        synchronized(gate) { live = !frozen && still.frame == null }
        ui?.render()
    }

    /** Offers what is seen to other apps. */
    fun share() {
        val result = shown ?: return
        val text = getApplication<Application>().getString(R.string.share_text, result.manifest.variant)
        files.share(compose(result, settings.opacity), text, { ui?.open(it) }) {
            tellOnce(R.string.not_shared, it.message.orEmpty())
        }
    }

    /** A notice that its user closes. */
    fun tellOnce(what: Int, why: String) {
        val close = NoticeAction(R.string.close) { notices.picture = null }
        notices.picture = Notice(getApplication<Application>().getString(what), why, close)
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
        val result = model.engine.results.show() ?: return
        shown = result
        times.add(result.timings, System.nanoTime())
        if (notices.shown == null) ui?.showResult(result)
    }

    override fun onFrame(frame: CameraFrame) = synchronized(gate) {
        if (live) model.engine.submit(frame) else frame.close()
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
