package io.topformer.demo

import android.app.Activity
import android.content.ComponentCallbacks2
import android.content.Intent
import android.content.res.Configuration
import android.net.Uri
import android.os.Bundle
import android.os.PowerManager
import android.os.SystemClock
import android.view.WindowManager
import io.topformer.core.ModelManifest

/** The one screen: what the camera sees, or an opened picture, segmented. */
class MainActivity : Activity(), Engine.Listener, CameraControl.Host {
    private lateinit var choices: Choices
    private lateinit var store: ModelStore
    private lateinit var engine: Engine
    private lateinit var screen: Screen
    private lateinit var camera: CameraControl
    private lateinit var files: UserFiles
    private var still: StillFrame? = null
    private var shown: Result? = null
    private var model: Pair<ModelManifest, SelfCheck>? = null
    private var opening = false
    private var resumed = false
    private var notice: Notice? = null

    // Read by the camera's thread for each frame.
    @Volatile
    private var frozen = false

    private val onHeat = PowerManager.OnThermalStatusChangedListener { screen.showHeat(it) }

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        choices = Choices(savedInstanceState)
        val application = application as DemoApplication
        store = ModelStore(this, application.modelAssets)
        engine = Engine(application.segmenters, this)
        camera = CameraControl(this, choices, this)
        files = UserFiles(this)
        window.addFlags(WindowManager.LayoutParams.FLAG_KEEP_SCREEN_ON)
        buildScreen()
        openModel()
        choices.still?.let(::openStill)
    }

    override fun onResume() {
        super.onResume()
        resumed = true
        getSystemService(PowerManager::class.java)?.let {
            screen.showHeat(it.currentThermalStatus)
            it.addThermalStatusListener(onHeat)
        }
        if (model == null && !opening && notice == null) openModel()
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
        engine.close()
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
        if (level < ComponentCallbacks2.TRIM_MEMORY_BACKGROUND || opening) return
        engine.release()
        model = null
    }

    private fun buildScreen() {
        setContentView(R.layout.main)
        screen = Screen(this)
        screen.picture.onResized = { width, height ->
            engine.showAt(width, height)
            still?.let(engine::submit)
        }
        screen.picture.onTapped = { sayTapped() }
        screen.freeze.setOnClickListener { freeze(!frozen) }
        screen.share.setOnClickListener { share() }
        screen.openPicture.setOnClickListener { if (choices.still == null) pickPicture() else backToCamera() }
        screen.flip.setOnClickListener { camera.flip() }
        screen.models.setOnClickListener { showModelMenu() }
        screen.showFrozen(frozen)
        screen.showStill(choices.still != null)
        model?.let { (manifest, selfCheck) -> screen.showModel(manifest, selfCheck) }
        shown?.let { screen.showResult(it, choices.threads, SystemClock.uptimeMillis()) }
        screen.showNotice(notice)
    }

    // The model

    private fun openModel() {
        val all = store.list()
        val chosen = all.firstOrNull { it.name == choices.modelName } ?: all.firstOrNull()
        if (chosen == null) {
            tell(R.string.no_model, R.string.no_model_why, R.string.choose_model) { pickModel() }
            return
        }
        choices.modelName = chosen.name
        tell(null)
        opening = true
        engine.open(chosen, choices.threads)
    }

    override fun onModel(manifest: ModelManifest, selfCheck: SelfCheck) {
        opening = false
        model = manifest to selfCheck
        screen.showModel(manifest, selfCheck)
        still?.let(engine::submit)
    }

    override fun onRefusal(what: String, why: String) {
        opening = false
        model = null
        tell(Notice(what, why, R.string.choose_model) { showModelMenu() })
    }

    private fun showModelMenu() {
        showModelMenu(screen.models, store.list().map { it.name }, choices) { choice ->
            when (choice) {
                is ModelChoice.Model -> choices.modelName = choice.name
                is ModelChoice.Threads -> choices.threads = choice.count
                is ModelChoice.Add -> return@showModelMenu pickModel()
            }
            openModel()
            startCamera()
        }
    }

    // The camera

    private fun startCamera() {
        if (choices.still == null && resumed) camera.start()
    }

    private fun retryCamera() {
        forgetTrouble()
        startCamera()
    }

    override fun onRequestPermissionsResult(requestCode: Int, permissions: Array<String>, grantResults: IntArray) {
        super.onRequestPermissionsResult(requestCode, permissions, grantResults)
        if (requestCode == CameraControl.PERMISSION_REQUEST) camera.onAnswer(grantResults)
    }

    override fun onFrame(frame: CameraFrame) {
        if (frozen) frame.close() else engine.submit(frame)
    }

    // Results

    override fun onResult() {
        if (frozen) return
        val result = engine.results.show() ?: return
        shown = result
        if (notice == null) screen.showResult(result, choices.threads, SystemClock.uptimeMillis())
    }

    private fun freeze(freeze: Boolean) {
        frozen = freeze
        screen.showFrozen(freeze)
    }

    private fun sayTapped() {
        screen.picture.tappedName?.let(screen.picture::announceForAccessibility)
    }

    private fun share() {
        val result = shown ?: return
        files.share(compose(result, screen.picture.opacity), getString(R.string.share_text, result.manifest.variant)) {
            tell(Notice(getString(R.string.not_shared), it.message.orEmpty()))
        }
    }

    // Pictures and files of the user

    override fun pickPicture() = files.ask(PICTURE, "image/*", several = false)

    private fun pickModel() = files.ask(MODEL, "*/*", several = true)

    override fun onActivityResult(requestCode: Int, resultCode: Int, data: Intent?) {
        super.onActivityResult(requestCode, resultCode, data)
        if (resultCode != RESULT_OK || data == null) return
        val clip = data.clipData
        val uris = if (clip == null) listOfNotNull(data.data) else List(clip.itemCount) { clip.getItemAt(it).uri }
        when (requestCode) {
            PICTURE -> uris.firstOrNull()?.let(::openStill)
            MODEL -> files.addModel(uris, store, { choices.modelName = it.name; openModel() }) {
                onRefusal(it.what, it.why)
            }
        }
    }

    private fun openStill(uri: Uri) = files.readPicture(uri, { showStill(uri, it) }) { error ->
        choices.still = null
        screen.showStill(false)
        tell(Notice(getString(R.string.no_picture), error.message.orEmpty(), R.string.live) { retryCamera() })
    }

    private fun showStill(uri: Uri, frame: StillFrame) {
        camera.stop()
        choices.still = uri
        still = frame
        freeze(false)
        forgetTrouble()
        screen.showStill(true)
        engine.submit(frame)
    }

    private fun backToCamera() {
        choices.still = null
        still = null
        screen.showStill(false)
        retryCamera()
    }

    /** Takes a notice away; if it was the model's, the model gets another chance. */
    override fun forgetTrouble() {
        tell(null)
        if (model == null && !opening) openModel()
    }

    private fun tell(what: Int, why: Int, actionText: Int, action: () -> Unit) =
        tell(Notice(getString(what), getString(why), actionText, action))

    override fun tell(next: Notice?) {
        notice = next
        screen.showNotice(next)
    }

    private companion object {
        const val PICTURE = 2
        const val MODEL = 3
    }
}
