package io.topformer.demo

import android.Manifest
import android.app.Activity
import android.content.ComponentCallbacks2
import android.content.Intent
import android.content.pm.PackageManager
import android.content.res.Configuration
import android.hardware.display.DisplayManager
import android.net.Uri
import android.os.Bundle
import android.os.PowerManager
import android.os.SystemClock
import android.provider.OpenableColumns
import android.provider.Settings
import android.view.Display
import android.view.Surface
import android.view.WindowManager
import io.topformer.core.ManifestException
import io.topformer.core.ModelManifest
import java.io.IOException
import java.util.concurrent.Executors

/** The one screen: what the camera sees, or an opened picture, segmented. */
class MainActivity : Activity(), Engine.Listener, CameraSource.Listener {
    private lateinit var choices: Choices
    private lateinit var store: ModelStore
    private lateinit var engine: Engine
    private lateinit var screen: Screen
    private val files = Executors.newSingleThreadExecutor()
    private var camera: CameraSource? = null
    private var still: StillFrame? = null
    private var shown: Result? = null
    private var model: Pair<ModelManifest, SelfCheck>? = null
    private var opening = false
    private var notice: Notice? = null
    private var permissionRefused = false

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
        window.addFlags(WindowManager.LayoutParams.FLAG_KEEP_SCREEN_ON)
        buildScreen()
        openModel()
        choices.still?.let(::openStill)
    }

    override fun onResume() {
        super.onResume()
        getSystemService(PowerManager::class.java)?.let {
            screen.showHeat(it.currentThermalStatus)
            it.addThermalStatusListener(onHeat)
        }
        if (model == null && !opening && notice == null) openModel()
        startCamera()
    }

    override fun onPause() {
        super.onPause()
        getSystemService(PowerManager::class.java)?.removeThermalStatusListener(onHeat)
        stopCamera()
    }

    override fun onDestroy() {
        super.onDestroy()
        engine.close()
        files.shutdown()
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
        camera?.turnTo(displayDegrees())
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
        screen.flip.setOnClickListener { flip() }
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

    private fun addModel(uris: List<Uri>) {
        files.execute {
            try {
                val byName = uris.associate { uri -> nameOf(uri) to { openStream(uri) } }
                val added = store.add(byName)
                runOnUiThread {
                    choices.modelName = added.name
                    openModel()
                }
            } catch (error: ManifestException) {
                runOnUiThread { onRefusal(error.what, error.why) }
            }
        }
    }

    private fun openStream(uri: Uri) =
        contentResolver.openInputStream(uri) ?: throw IOException("$uri can't be opened.")

    private fun nameOf(uri: Uri): String =
        contentResolver.query(uri, arrayOf(OpenableColumns.DISPLAY_NAME), null, null, null)?.use { rows ->
            if (rows.moveToFirst()) rows.getString(0) else null
        }.orEmpty()

    // The camera

    private fun startCamera() {
        if (choices.still != null || camera != null || !isResumed) return
        if (checkSelfPermission(Manifest.permission.CAMERA) != PackageManager.PERMISSION_GRANTED) {
            if (permissionRefused) tellRefused() else requestPermissions(arrayOf(Manifest.permission.CAMERA), CAMERA)
            return
        }
        camera = CameraSource(this, this).also { it.start(choices.facing, displayDegrees()) }
    }

    private fun stopCamera() {
        camera?.close()
        camera = null
    }

    override fun onRequestPermissionsResult(requestCode: Int, permissions: Array<String>, grantResults: IntArray) {
        super.onRequestPermissionsResult(requestCode, permissions, grantResults)
        // Without results the question was interrupted, and is asked again when the screen is back.
        if (requestCode != CAMERA || grantResults.isEmpty()) return
        permissionRefused = grantResults[0] != PackageManager.PERMISSION_GRANTED
        if (permissionRefused) tellRefused() else retryCamera()
    }

    private fun tellRefused() {
        if (shouldShowRequestPermissionRationale(Manifest.permission.CAMERA)) {
            tell(R.string.no_permission, R.string.no_permission_why, R.string.allow) {
                requestPermissions(arrayOf(Manifest.permission.CAMERA), CAMERA)
            }
        } else {
            tell(R.string.no_permission, R.string.no_permission_why, R.string.settings) {
                permissionRefused = false
                val details = Settings.ACTION_APPLICATION_DETAILS_SETTINGS
                startActivity(Intent(details, Uri.fromParts("package", packageName, null)))
            }
        }
    }

    override fun onFrame(frame: CameraFrame) {
        if (frozen) frame.close() else engine.submit(frame)
    }

    override fun onTrouble(trouble: CameraTrouble) = runOnUiThread {
        stopCamera()
        when (trouble) {
            CameraTrouble.NONE_THERE -> tell(R.string.no_camera, R.string.no_camera_why, R.string.open_picture) { pickPicture() }
            CameraTrouble.IN_USE -> tell(R.string.camera_in_use, R.string.camera_in_use_why, R.string.try_again) { retryCamera() }
            CameraTrouble.NOT_ALLOWED -> tell(R.string.camera_blocked, R.string.camera_blocked_why, R.string.try_again) { retryCamera() }
            CameraTrouble.LOST -> tell(R.string.camera_lost, R.string.camera_lost_why, R.string.try_again) { retryCamera() }
        }
    }

    private fun retryCamera() {
        forgetTrouble()
        startCamera()
    }

    private fun flip() {
        choices.facing = if (choices.facing == Facing.BACK) Facing.FRONT else Facing.BACK
        stopCamera()
        startCamera()
    }

    private fun displayDegrees(): Int = when (displayRotation()) {
        Surface.ROTATION_90 -> 90
        Surface.ROTATION_180 -> 180
        Surface.ROTATION_270 -> 270
        else -> 0
    }

    // Not Context.getDisplay, which is of API 30.
    private fun displayRotation(): Int? =
        getSystemService(DisplayManager::class.java)?.getDisplay(Display.DEFAULT_DISPLAY)?.rotation

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
        val classId = screen.picture.tappedClass ?: return
        model?.let { (manifest, _) -> screen.picture.announceForAccessibility(manifest.classNames[classId]) }
    }

    private fun share() {
        val result = shown ?: return
        val variant = model?.first?.variant ?: return
        val composed = compose(result, screen.picture.opacity)
        files.execute {
            try {
                val uri = savePicture(contentResolver, composed, "topformer-${System.currentTimeMillis()}.png")
                val send = Intent(Intent.ACTION_SEND).setType("image/png").putExtra(Intent.EXTRA_STREAM, uri)
                    .putExtra(Intent.EXTRA_TEXT, getString(R.string.share_text, variant))
                    .addFlags(Intent.FLAG_GRANT_READ_URI_PERMISSION)
                runOnUiThread { startActivity(Intent.createChooser(send, getString(R.string.share))) }
            } catch (error: IOException) {
                runOnUiThread { tell(Notice(getString(R.string.not_shared), error.message.orEmpty())) }
            }
        }
    }

    // Pictures and files of the user

    private fun pickPicture() = pick(PICTURE, "image/*", several = false)

    private fun pickModel() = pick(MODEL, "*/*", several = true)

    private fun pick(request: Int, type: String, several: Boolean) {
        val open = Intent(Intent.ACTION_OPEN_DOCUMENT).addCategory(Intent.CATEGORY_OPENABLE).setType(type)
        startActivityForResult(open.putExtra(Intent.EXTRA_ALLOW_MULTIPLE, several), request)
    }

    override fun onActivityResult(requestCode: Int, resultCode: Int, data: Intent?) {
        super.onActivityResult(requestCode, resultCode, data)
        if (resultCode != RESULT_OK || data == null) return
        val clip = data.clipData
        val uris = if (clip == null) listOfNotNull(data.data) else List(clip.itemCount) { clip.getItemAt(it).uri }
        when (requestCode) {
            PICTURE -> uris.firstOrNull()?.let(::openStill)
            MODEL -> addModel(uris)
        }
    }

    private fun openStill(uri: Uri) {
        files.execute {
            try {
                val frame = readPicture(contentResolver, uri)
                runOnUiThread { showStill(uri, frame) }
            } catch (error: IOException) {
                runOnUiThread {
                    choices.still = null
                    screen.showStill(false)
                    tell(Notice(getString(R.string.no_picture), error.message.orEmpty(), R.string.live) { retryCamera() })
                }
            }
        }
    }

    private fun showStill(uri: Uri, frame: StillFrame) {
        stopCamera()
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
    private fun forgetTrouble() {
        tell(null)
        if (model == null && !opening) openModel()
    }

    private fun tell(what: Int, why: Int, actionText: Int, action: () -> Unit) =
        tell(Notice(getString(what), getString(why), actionText, action))

    private fun tell(next: Notice?) {
        notice = next
        screen.showNotice(next)
    }

    private companion object {
        const val CAMERA = 1
        const val PICTURE = 2
        const val MODEL = 3
    }
}
