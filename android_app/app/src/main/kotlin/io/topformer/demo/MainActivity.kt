package io.topformer.demo

import android.Manifest
import android.content.ActivityNotFoundException
import android.content.ComponentCallbacks2
import android.content.Intent
import android.graphics.SurfaceTexture
import android.os.Bundle
import android.os.PowerManager
import android.os.SystemClock
import android.view.TextureView
import android.view.WindowManager
import androidx.activity.ComponentActivity
import androidx.activity.result.contract.ActivityResultContracts.OpenDocument
import androidx.activity.result.contract.ActivityResultContracts.OpenMultipleDocuments
import androidx.activity.result.contract.ActivityResultContracts.RequestMultiplePermissions
import androidx.lifecycle.ViewModelProvider
import androidx.lifecycle.viewmodel.initializer
import androidx.lifecycle.viewmodel.viewModelFactory

/** The one screen: what the camera sees, or an opened picture, segmented. What goes on is [MainViewModel]'s. */
class MainActivity : ComponentActivity(), MainViewModel.Ui, TextureView.SurfaceTextureListener {
    private lateinit var main: MainViewModel
    private lateinit var screen: Screen
    private var awaitsDrawing = false
    private val onDrawn = Runnable(::tellDrawn)

    private val onHeat = PowerManager.OnThermalStatusChangedListener { screen.showHeat(it) }
    private val pickPicture = registerForActivityResult(OpenDocument()) { it?.let(main.still::open) }
    private val pickModel = registerForActivityResult(OpenMultipleDocuments()) { if (it.isNotEmpty()) main.model.add(it) }

    // Of several, though it is one: an empty answer says that the question was interrupted.
    private val askForCamera = registerForActivityResult(RequestMultiplePermissions(), ::onAnswer)

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        val factory = viewModelFactory { initializer { MainViewModel(application as DemoApplication) } }
        main = ViewModelProvider(this, factory)[MainViewModel::class.java]
        window.addFlags(WindowManager.LayoutParams.FLAG_KEEP_SCREEN_ON)
        setContentView(R.layout.main)
        screen = Screen(this, main.settings)
        screen.picture.onResized = { width, height ->
            main.showAt(width, height)
            placePreview()
        }
        screen.preview.surfaceTextureListener = this
        screen.picture.onTapped = { screen.picture.tappedName?.let(screen.picture::announceForAccessibility) }
        screen.freeze.setOnClickListener { main.freeze(!main.frozen) }
        screen.share.setOnClickListener { main.share { screen.preview.bitmap?.let(screen.picture::cut) } }
        screen.openPicture.setOnClickListener {
            if (main.settings.still == null) ask(Wish.PICTURE) else main.still.backToCamera()
        }
        screen.flip.setOnClickListener { main.camera.flip() }
        screen.models.setOnClickListener { showMenu() }
        main.ui = this
        render()
        main.shown?.let(::showResult)
    }

    override fun onResume() {
        super.onResume()
        getSystemService(PowerManager::class.java)?.let {
            screen.showHeat(it.currentThermalStatus)
            it.addThermalStatusListener(onHeat)
        }
        main.enter()
    }

    override fun onPause() {
        super.onPause()
        getSystemService(PowerManager::class.java)?.removeThermalStatusListener(onHeat)
        if (!isChangingConfigurations) main.leave()
    }

    override fun onDestroy() {
        super.onDestroy()
        // The next screen may be there already.
        if (main.ui === this) main.ui = null
    }

    override fun onTrimMemory(level: Int) {
        super.onTrimMemory(level)
        // The levels below come while the app is still in use.
        if (level >= ComponentCallbacks2.TRIM_MEMORY_BACKGROUND) main.model.release()
    }

    override fun render() {
        screen.showFrozen(main.frozen)
        screen.showStill(main.settings.still != null)
        main.model.opened?.let { screen.showModel(it.manifest, it.selfCheck) }
        screen.showNotice(main.notices.shown)
        if (main.notices.shown == null) screen.picture.show(main.shown)
        placePreview()
    }

    override fun showResult(result: Result) {
        if (main.notices.shown != null) return
        screen.picture.show(result)
        if (!awaitsDrawing) screen.picture.viewTreeObserver.registerFrameCommitCallback(onDrawn)
        awaitsDrawing = true
    }

    private fun tellDrawn() {
        awaitsDrawing = false
        main.onDrawn()
        main.shown?.let { screen.showTexts(it, main.times, main.settings.threads, SystemClock.uptimeMillis()) }
    }

    private fun placePreview() {
        val size = main.camera.picture.takeIf { main.notices.shown == null }
        screen.showPreview(size, main.camera.displayDegrees)
    }

    override fun onSurfaceTextureAvailable(texture: SurfaceTexture, width: Int, height: Int) = main.camera.showOn(texture)

    override fun onSurfaceTextureSizeChanged(texture: SurfaceTexture, width: Int, height: Int) = Unit

    // It is given back when nothing draws on it any more.
    override fun onSurfaceTextureDestroyed(texture: SurfaceTexture): Boolean {
        main.camera.leave(texture)
        return false
    }

    override fun onSurfaceTextureUpdated(texture: SurfaceTexture) = Unit

    override fun ask(wish: Wish) {
        try {
            when (wish) {
                Wish.CAMERA_PERMISSION -> askForCamera.launch(arrayOf(Manifest.permission.CAMERA))
                Wish.PICTURE -> pickPicture.launch(arrayOf("image/*"))
                Wish.MODEL_FILES -> pickModel.launch(arrayOf("*/*"))
                Wish.MODEL_MENU -> showMenu()
            }
        } catch (error: ActivityNotFoundException) {
            main.tellOnce(R.string.no_app, error.message.orEmpty())
        }
    }

    override fun open(intent: Intent) = startActivity(intent)

    private fun onAnswer(granted: Map<String, Boolean>) {
        val camera = Manifest.permission.CAMERA
        main.camera.onAnswer(granted[camera], canAskAgain = shouldShowRequestPermissionRationale(camera))
    }

    private fun showMenu() =
        showModelMenu(screen.models, main.model.names(), main.settings, canTell = main.model.opened != null) { choice ->
            when (choice) {
                is ModelChoice.Model -> main.model.open(choice.name)
                is ModelChoice.Threads -> main.model.openWith(choice.count)
                is ModelChoice.Add -> ask(Wish.MODEL_FILES)
                is ModelChoice.About -> main.model.opened?.let { showAbout(this, it) }
            }
        }
}
