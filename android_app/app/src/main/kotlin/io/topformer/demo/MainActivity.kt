package io.topformer.demo

import android.content.ActivityNotFoundException
import android.content.ComponentCallbacks2
import android.content.Intent
import android.content.res.Configuration
import android.os.Bundle
import android.os.PowerManager
import android.os.SystemClock
import android.view.WindowManager
import androidx.activity.ComponentActivity

/** The one screen: what the camera sees, or an opened picture, segmented. */
class MainActivity : ComponentActivity(), ModelControl.Host, CameraControl.Host, StillControl.Host {
    private lateinit var choices: Choices
    private lateinit var screen: Screen
    private lateinit var model: ModelControl
    private lateinit var camera: CameraControl
    private lateinit var still: StillControl
    private lateinit var files: UserFiles
    private val notices = Notices { showNotice() }
    private var shown: Result? = null
    private var resumed = false
    private var frozen = false

    private val onHeat = PowerManager.OnThermalStatusChangedListener { screen.showHeat(it) }

    // Whether the camera's frames go to the model; held while one is on its way, so that none comes after a picture.
    private val gate = Any()
    private var live = true

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        choices = Choices(savedInstanceState)
        files = UserFiles(this)
        model = ModelControl(this, choices, notices, this)
        camera = CameraControl(this, choices, notices, this)
        still = StillControl(this, files, choices, notices, this)
        window.addFlags(WindowManager.LayoutParams.FLAG_KEEP_SCREEN_ON)
        buildScreen()
        model.open()
        choices.still?.let(still::open)
    }

    override fun onResume() {
        super.onResume()
        resumed = true
        getSystemService(PowerManager::class.java)?.let {
            screen.showHeat(it.currentThermalStatus)
            it.addThermalStatusListener(onHeat)
        }
        model.resume()
        startCamera()
    }

    override fun onPause() {
        super.onPause()
        resumed = false
        getSystemService(PowerManager::class.java)?.removeThermalStatusListener(onHeat)
        camera.stop()
    }

    override fun onDestroy() {
        super.onDestroy()
        model.close()
        files.close()
    }

    override fun onSaveInstanceState(outState: Bundle) {
        super.onSaveInstanceState(outState)
        choices.save(outState)
    }

    override fun onConfigurationChanged(newConfig: Configuration) {
        super.onConfigurationChanged(newConfig)
        val opacity = screen.opacity.progress
        buildScreen()
        screen.opacity.progress = opacity
        camera.turn()
    }

    override fun onTrimMemory(level: Int) {
        super.onTrimMemory(level)
        // The levels below come while the app is still in use.
        if (level >= ComponentCallbacks2.TRIM_MEMORY_BACKGROUND) model.release()
    }

    private fun buildScreen() {
        setContentView(R.layout.main)
        screen = Screen(this)
        screen.picture.onResized = { width, height ->
            model.engine.showAt(width, height)
            still.frame?.let(model.engine::submit)
        }
        screen.picture.onTapped = { screen.picture.tappedName?.let(screen.picture::announceForAccessibility) }
        screen.freeze.setOnClickListener { freeze(!frozen) }
        screen.share.setOnClickListener { share() }
        screen.openPicture.setOnClickListener { if (choices.still == null) pickPicture() else still.backToCamera() }
        screen.flip.setOnClickListener { camera.flip() }
        screen.models.setOnClickListener { model.showMenu(screen.models) }
        screen.showFrozen(frozen)
        screen.showStill(choices.still != null)
        model.opened?.let { screen.showModel(it.manifest, it.selfCheck) }
        shown?.let { screen.showResult(it, choices.threads, SystemClock.uptimeMillis()) }
        screen.showNotice(notices.shown)
    }

    private fun showNotice() {
        screen.showNotice(notices.shown)
        if (notices.shown == null) screen.picture.show(shown)
    }

    // The model

    override fun onModel(opened: OpenedModel) {
        screen.showModel(opened.manifest, opened.selfCheck)
        still.frame?.let(model.engine::submit)
        startCamera()
    }

    override fun onResult() {
        if (frozen) return
        val result = model.engine.results.show() ?: return
        shown = result
        if (notices.shown == null) screen.showResult(result, choices.threads, SystemClock.uptimeMillis())
    }

    // The camera, and the picture in its place

    private fun startCamera() {
        if (choices.still == null && resumed) camera.start()
    }

    @Suppress("DEPRECATION", "OVERRIDE_DEPRECATION")
    override fun onRequestPermissionsResult(requestCode: Int, permissions: Array<String>, grantResults: IntArray) {
        super.onRequestPermissionsResult(requestCode, permissions, grantResults)
        if (requestCode == CameraControl.PERMISSION_REQUEST) camera.onAnswer(grantResults)
    }

    override fun onFrame(frame: CameraFrame) = synchronized(gate) {
        if (live) model.engine.submit(frame) else frame.close()
    }

    override fun onStill(frame: StillFrame?) {
        freeze(false)
        screen.showStill(frame != null)
        if (frame == null) return startCamera()
        camera.stop()
        model.engine.submit(frame)
    }

    private fun freeze(freeze: Boolean) {
        frozen = freeze
        synchronized(gate) { live = !frozen && still.frame == null }
        screen.showFrozen(freeze)
    }

    // What the user picks and shares

    override fun pickPicture() = pick { files.ask(PICTURE, "image/*", several = false) }

    override fun pickModel() = pick { files.ask(MODEL, "*/*", several = true) }

    private fun pick(ask: () -> Unit) = try {
        ask()
    } catch (error: ActivityNotFoundException) {
        tellOnce(R.string.no_app, error.message.orEmpty())
    }

    @Suppress("DEPRECATION", "OVERRIDE_DEPRECATION")
    override fun onActivityResult(requestCode: Int, resultCode: Int, data: Intent?) {
        super.onActivityResult(requestCode, resultCode, data)
        if (resultCode != RESULT_OK || data == null) return
        val clip = data.clipData
        val uris = if (clip == null) listOfNotNull(data.data) else List(clip.itemCount) { clip.getItemAt(it).uri }
        when (requestCode) {
            PICTURE -> uris.firstOrNull()?.let(still::open)
            MODEL -> model.add(files, uris)
        }
    }

    private fun share() {
        val result = shown ?: return
        files.share(compose(result, screen.picture.opacity), getString(R.string.share_text, result.manifest.variant)) {
            tellOnce(R.string.not_shared, it.message.orEmpty())
        }
    }

    private fun tellOnce(what: Int, why: String) {
        notices.picture = Notice(getString(what), why, NoticeAction(R.string.close) { notices.picture = null })
    }

    private companion object {
        const val PICTURE = 2
        const val MODEL = 3
    }
}
