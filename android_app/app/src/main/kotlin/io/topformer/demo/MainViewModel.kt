package io.topformer.demo

import android.content.Context
import android.content.Intent
import android.graphics.Bitmap
import androidx.lifecycle.AndroidViewModel
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
    val settings = Settings(application.getSharedPreferences("settings", Context.MODE_PRIVATE)) { onSet() }
    val notices = Notices(::onNotice)
    private val files = UserFiles(application)
    val model = ModelControl(application, settings, notices, files, this)
    val camera = CameraControl(application, settings, notices, this)
    val still = StillControl(application, files, settings, notices, this)
    val times = Times()

    /** What is seen; null before there is any. */
    var shown: Result? = null
        private set

    /** The classes of the open model as the user wants to see them; null before there is one. */
    var classes: ShownClasses? = null
        private set

    // The system may still be drawing it.
    private var shownBefore: Result? = null

    // From a tap until the screen is back from what the picture is shared with: another tap would offer it twice.
    private var sharing = false

    // What a picture is shared with, while it waits for the screen to be back.
    private var offer: Intent? = null
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
        sharing = offer != null
        makeOffer()
        model.resume()
        camera.turn()
        startCamera()
        timeAnew()
    }

    /** The screen can't be seen any more, and not only because it is built anew. */
    fun leave() {
        visible = false
        stopTiming()
        camera.stop()
        // What the camera showed is gone with it.
        if (!still.hasPlace) freeze(false)
    }

    /** The size at which a picture's labels will be seen. */
    fun showAt(width: Int, height: Int) {
        model.engine.showAt(width, height)
        still.frame?.let(model.engine::submit)
    }

    fun freeze(freeze: Boolean) {
        frozen = freeze
        // What comes next has nothing to do with what was before.
        if (!freeze) times.clear()
        model.engine.takeFrames(!frozen && still.frame == null)
        camera.freeze(frozen)
        ui?.render()
    }

    /** Turns to the other camera. */
    fun flip() {
        freeze(false)
        camera.flip()
    }

    /** Offers what is seen to other apps: an opened picture with what was found, or what is on the screen where that is live. */
    fun share(sees: () -> Bitmap?) {
        if (sharing) return
        val result = shown ?: return
        val picture = result.picture?.let { compose(it, result, classesOf(result), settings.opacity) } ?: sees()
        if (picture == null) return tellOnce(R.string.not_shared, application.getString(R.string.not_shared_why))
        val text = application.getString(result.manifest.words.shareText, result.manifest.variant)
        sharing = true
        files.share(
            picture,
            text,
            onOffer = {
                offer = it
                makeOffer()
            },
            onFailure = { tellOnce(R.string.not_shared, it.message.orEmpty()) },
        )
    }

    /** Opens what a picture is shared with; Android lets no app do so from behind others. */
    private fun makeOffer() {
        val ready = offer?.takeIf { visible } ?: return
        offer = null
        ui?.open(ready)
    }

    /** Shows one class without the others, or all again. */
    fun showAlone(classId: Int) {
        val name = nameOf(classId) ?: return
        settings.hidden -= name
        settings.alone = name.takeIf { settings.alone != it }
    }

    /** Hides a class, or shows it again. */
    fun hide(classId: Int) {
        val name = nameOf(classId) ?: return
        settings.alone = null
        settings.hidden = if (name in settings.hidden) settings.hidden - name else settings.hidden + name
    }

    // Of what is shown: the model that is open may have others.
    private fun nameOf(classId: Int): String? = shown?.manifest?.classNames?.getOrNull(classId)

    fun showAllClasses() {
        settings.alone = null
        settings.hidden = emptySet()
    }

    private fun onSet() {
        paintAnew()
        ui?.render()
    }

    /** The classes of a result; null where the model that is open has others. */
    fun classesOf(result: Result): ShownClasses? = classes?.takeIf { it.areOf(result) }

    /** What is shown, and what comes, is painted as the user wants it. */
    private fun paintAnew() {
        val manifest = model.opened?.manifest ?: return
        if (classes?.isOf(manifest, settings) == true) return
        val chosen = ShownClasses.of(manifest, settings)
        classes = chosen
        model.engine.colours = chosen.colours
        shown?.takeIf(chosen::areOf)?.paint(chosen.colours)
    }

    /** A notice that its user closes, of what failed and can be tried again. */
    fun tellOnce(what: Int, why: String) {
        sharing = false
        val close = NoticeAction(R.string.close) {
            notices.picture = null
            // It may have taken the place of what a camera lacks, which is told again.
            startCamera()
        }
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
        paintAnew()
        ui?.render()
        still.frame?.let(model.engine::submit)
        startCamera()
    }

    override fun onResult() {
        if (frozen) return
        val results = model.engine.results
        val result = results.use() ?: return
        shownBefore?.let {
            it.isTimed = false
            results.giveBack(it)
        }
        shownBefore = shown
        shown = result
        result.isTimed = canBeSeen
        // It may have been painted before its user chose other colours.
        classes?.let { result.paint(it.colours) }
        camera.onLabels(result.timestampNs)
        if (notices.shown == null) ui?.showResult(result)
    }

    /** A result is on the screen: what is [shown], or the one before it. */
    fun onDrawn(drawn: Result) {
        if (drawn.isTimed && isCurrent(drawn)) times.add(drawn.timings, application.clock.nowNs())
        drawn.isTimed = false
    }

    /** What is drawn later, when it is seen again, says nothing of how long it took. */
    private fun stopTiming() {
        shown?.isTimed = false
        shownBefore?.isTimed = false
    }

    // One may still come from where nothing is seen any more.
    private fun isCurrent(result: Result) = result.picture === still.frame?.picture

    override fun onFrame(frame: YuvFrame, turnDegrees: Int, mirror: Boolean, timestampNs: Long) =
        model.engine.prepare(frame, turnDegrees, mirror, timestampNs)

    override fun onCamera() {
        // One of the camera before may have come since it was left.
        times.clear()
        ui?.render()
    }

    // A frozen picture is gone with its camera.
    override fun onTrouble() = freeze(false)

    override fun onPicture() {
        ui?.render()
    }

    override fun onStill(frame: StillFrame?) {
        freeze(false)
        model.engine.submit(frame)
        if (frame == null) startCamera() else camera.stop()
    }

    override fun onCleared() {
        camera.close()
        model.close()
        files.close()
    }

    /** Whether what is shown can be seen: neither in the background nor behind a notice. */
    private val canBeSeen: Boolean get() = visible && notices.shown == null

    private fun onNotice() {
        if (!canBeSeen) stopTiming()
        // What is seen after it does not follow what was timed before.
        if (!canBeSeen && still.frame == null) times.clear()
        ui?.render()
        timeAnew()
    }

    /** Runs a picture again whose labels came when nobody could see them, so that there are times of it. */
    private fun timeAnew() {
        val frame = still.frame ?: return
        val missed = shown?.run { isCurrent(this) && !isTimed } == true
        if (missed && canBeSeen && times.whole.count == 0) model.engine.submit(frame)
    }

    private fun startCamera() {
        if (settings.still == null && visible) camera.start()
    }
}
