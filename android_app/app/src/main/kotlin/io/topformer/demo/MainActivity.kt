package io.topformer.demo

import android.Manifest
import android.app.Dialog
import android.content.ActivityNotFoundException
import android.content.ComponentCallbacks2
import android.content.Intent
import android.graphics.Color
import android.graphics.SurfaceTexture
import android.os.Bundle
import android.os.PowerManager
import android.view.TextureView
import android.view.View
import android.view.WindowManager
import android.widget.PopupMenu
import androidx.activity.ComponentActivity
import androidx.activity.SystemBarStyle
import androidx.activity.addCallback
import androidx.activity.enableEdgeToEdge
import androidx.activity.result.PickVisualMediaRequest
import androidx.activity.result.contract.ActivityResultContracts.OpenMultipleDocuments
import androidx.activity.result.contract.ActivityResultContracts.PickVisualMedia
import androidx.activity.result.contract.ActivityResultContracts.RequestMultiplePermissions
import androidx.lifecycle.ViewModelProvider
import androidx.lifecycle.viewmodel.initializer
import androidx.lifecycle.viewmodel.viewModelFactory

/** The one screen: what the camera sees, or an opened picture, segmented. What goes on is [MainViewModel]'s. */
class MainActivity : ComponentActivity(), MainViewModel.Ui, TextureView.SurfaceTextureListener {
    private lateinit var main: MainViewModel
    private lateinit var screen: Screen
    private val onDrawn = Runnable(::tellDrawn)

    // What was opened over this screen last, if only for a while.
    private var dialog: Dialog? = null
    private var menu: PopupMenu? = null

    private val onHeat = PowerManager.OnThermalStatusChangedListener { screen.details.showHeat(it) }
    private val pickPicture = registerForActivityResult(PickVisualMedia()) { it?.let(main.still::open) }
    private val pickModel = registerForActivityResult(OpenMultipleDocuments()) { if (it.isNotEmpty()) main.model.add(it) }

    // Of several, though it is one: an empty answer says that the question was interrupted.
    private val askForCamera = registerForActivityResult(RequestMultiplePermissions(), ::onAnswer)

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        val factory = viewModelFactory { initializer { MainViewModel(application as DemoApplication) } }
        main = ViewModelProvider(this, factory)[MainViewModel::class.java]
        enableEdgeToEdge(SystemBarStyle.dark(Color.TRANSPARENT))
        window.addFlags(WindowManager.LayoutParams.FLAG_KEEP_SCREEN_ON)
        setContentView(R.layout.main)
        screen = Screen(this, main)
        screen.picture.onResized = { width, height ->
            main.showAt(width, height)
            placePreview()
        }
        screen.preview.surfaceTextureListener = this
        screen.picture.onMoved = ::placePreview
        screen.notice.samples.onChosen = ::open
        screen.details.models.setOnClickListener(::showMenu)
        screen.details.about.setOnClickListener { main.model.opened?.let { dialog = showAbout(this, it) } }
        onClick(R.id.open_picture) { dialog = showPictures(this, ::open) { ask(Wish.PICTURE) } }
        onClick(R.id.freeze) { if (main.still.hasPlace) main.still.backToCamera() else main.freeze(!main.frozen) }
        onClick(R.id.flip, main::flip)
        onClick(R.id.share) { main.share(screen::live) }
        closeSheetOnBack()
        main.ui = this
        render()
    }

    override fun onResume() {
        super.onResume()
        getSystemService(PowerManager::class.java)?.let {
            screen.details.showHeat(it.currentThermalStatus)
            it.addThermalStatusListener(onHeat)
        }
        main.enter()
    }

    override fun onPause() {
        super.onPause()
        getSystemService(PowerManager::class.java)?.removeThermalStatusListener(onHeat)
        // It may be opened again before this one is stopped, and wants the camera then.
        if (isFinishing) main.leave()
    }

    override fun onStop() {
        super.onStop()
        // Until now it could be seen, if behind something else: what it is shared with, or a question of the system's.
        if (!isChangingConfigurations) main.leave()
    }

    override fun onDestroy() {
        super.onDestroy()
        // Their windows would outlive this one.
        dialog?.dismiss()
        menu?.dismiss()
        // The next screen may be there already.
        if (main.ui === this) main.ui = null
    }

    override fun onTrimMemory(level: Int) {
        super.onTrimMemory(level)
        // The levels below come while the app is still in use.
        if (level >= ComponentCallbacks2.TRIM_MEMORY_BACKGROUND) main.model.release()
    }

    override fun render() {
        screen.render()
        placePreview()
    }

    override fun showResult(result: Result) {
        if (main.notices.shown != null) return
        val isBack = screen.picture.isOpened && result.picture == null
        screen.showResult(result)
        if (isBack) placePreview()
        screen.picture.viewTreeObserver.registerFrameCommitCallback(onDrawn)
    }

    private fun tellDrawn() {
        screen.picture.drawn?.let(main::onDrawn)
        screen.showTexts()
    }

    private fun placePreview() {
        val size = main.camera.picture.takeIf { main.notices.shown == null }
        screen.showPreview(size, main.camera.shownDegrees)
    }

    override fun onSurfaceTextureAvailable(texture: SurfaceTexture, width: Int, height: Int) = main.camera.showOn(texture)

    override fun onSurfaceTextureSizeChanged(texture: SurfaceTexture, width: Int, height: Int) = Unit

    // It is given back when nothing draws on it any more.
    override fun onSurfaceTextureDestroyed(texture: SurfaceTexture): Boolean {
        main.camera.leave(texture)
        return false
    }

    override fun onSurfaceTextureUpdated(texture: SurfaceTexture) = Unit

    override fun ask(wish: Wish) = launching {
        when (wish) {
            Wish.CAMERA_PERMISSION -> askForCamera.launch(arrayOf(Manifest.permission.CAMERA))
            Wish.PICTURE -> pickPicture.launch(PickVisualMediaRequest(PickVisualMedia.ImageOnly))
            Wish.MODEL_FILES -> pickModel.launch(arrayOf("*/*"))
            Wish.MODEL_MENU -> showMenu(screen.notice)
        }
    }

    override fun open(intent: Intent) = launching { startActivity(intent) }

    private inline fun launching(action: () -> Unit) = try {
        action()
    } catch (_: ActivityNotFoundException) {
        main.tellOnce(R.string.no_app, getString(R.string.no_app_why))
    }

    private fun onAnswer(granted: Map<String, Boolean>) {
        val camera = Manifest.permission.CAMERA
        main.camera.onAnswer(granted[camera], canAskAgain = shouldShowRequestPermissionRationale(camera))
    }

    private fun open(sample: Sample) = main.still.open(sample.uri(this))

    private fun onClick(id: Int, action: () -> Unit) = requireViewById<View>(id).setOnClickListener { action() }

    private fun closeSheetOnBack() {
        val sheet = screen.sheet ?: return
        val back = onBackPressedDispatcher.addCallback(this, enabled = false) { sheet.expand(false) }
        sheet.onExpanded = {
            back.isEnabled = it
            screen.showMore(it)
        }
    }

    private fun showMenu(anchor: View) {
        menu = showModelMenu(anchor, main.model.names(), main.settings) { choice ->
            when (choice) {
                is ModelChoice.Model -> main.model.open(choice.name)
                is ModelChoice.Threads -> main.model.openWith(choice.count)
                is ModelChoice.Add -> ask(Wish.MODEL_FILES)
            }
        }
    }
}
