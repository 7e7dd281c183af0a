package io.topformer.demo

import android.Manifest
import android.content.Intent
import android.content.pm.PackageManager
import android.graphics.SurfaceTexture
import android.hardware.display.DisplayManager
import android.net.Uri
import android.provider.Settings.ACTION_APPLICATION_DETAILS_SETTINGS
import android.view.Display
import android.view.Surface
import androidx.core.content.ContextCompat
import io.topformer.core.YuvFrame

/** The camera of the one screen: permission, troubles, and what its user can do about them. */
class CameraControl(
    private val application: DemoApplication,
    private val settings: Settings,
    private val notices: Notices,
    private val host: Host,
) : AutoCloseable {
    /** What the camera needs of the screen. */
    interface Host {
        val progress: Preview.Progress

        /** On the camera's thread. */
        fun onFrame(frame: YuvFrame, turnDegrees: Int, mirror: Boolean, timestampNs: Long)

        /** A camera runs from now on, and there is its [picture]. */
        fun onCamera()

        /** No camera runs any more, and its user is told why. */
        fun onTrouble()

        /** [shownDegrees] may be another one. */
        fun onPicture()

        fun ask(wish: Wish)

        fun open(intent: Intent)
    }

    private val displays = application.getSystemService(DisplayManager::class.java)
    private var camera: CameraSource? = null
    private val looksBothWays by lazy { facings(application).size > 1 }

    /** Whether there is another camera to turn to. */
    val canFlip: Boolean get() = camera != null && looksBothWays
    private var frozen = false
    private var frozenDegrees = 0
    private var output: SurfaceTexture? = null

    /** The size of the upright picture where the display is in its natural place; null while no camera runs. */
    var picture: Size? = null
        private set

    /** How far the display is turned from its natural place. */
    val displayDegrees: Int
        get() = when (displayRotation()) {
            Surface.ROTATION_90 -> 90
            Surface.ROTATION_180 -> 180
            Surface.ROTATION_270 -> 270
            else -> 0
        }

    /** How far it is, or was when what is shown was frozen. */
    val shownDegrees: Int get() = if (frozen) frozenDegrees else displayDegrees
    private var asking = false
    private var refused = false
    private var canAskAgain = false

    /** Opens the camera, asking for the permission first; told again, it does nothing. */
    fun start() {
        if (camera != null) return
        if (application.checkSelfPermission(Manifest.permission.CAMERA) != PackageManager.PERMISSION_GRANTED) {
            return if (refused) tellRefused() else ask()
        }
        notices.picture = null
        val listener = Listener()
        camera = CameraSource(application, application.cameras, application.previews, host.progress, listener).also {
            listener.source = it
            it.showOn(output)
            it.freeze(frozen)
            it.start(settings.facing, displayDegrees)
        }
        displays?.registerDisplayListener(onDisplay, null)
    }

    fun stop() {
        displays?.unregisterDisplayListener(onDisplay)
        camera?.close()
        camera = null
        picture = null
    }

    override fun close() = stop()

    /** Shows the picture here from now on. */
    fun showOn(place: SurfaceTexture) {
        output = place
        camera?.showOn(place)
    }

    /** A place where the picture was shown is no more. */
    fun leave(place: SurfaceTexture) {
        if (output === place) output = null
        // A camera that was stopped may still draw there.
        camera?.showOn(output, unused = place) ?: application.cameras.handler.post(place::release)
    }

    fun freeze(freeze: Boolean) {
        frozen = freeze
        frozenDegrees = displayDegrees
        camera?.freeze(freeze)
    }

    /** The labels of a frame are on the screen. */
    fun onLabels(timestampNs: Long) {
        camera?.onLabels(timestampNs)
    }

    fun flip() {
        settings.facing = if (settings.facing == Facing.BACK) Facing.FRONT else Facing.BACK
        if (camera == null) return
        stop()
        start()
    }

    /** The screen was rotated. */
    fun turn() {
        camera?.turnTo(displayDegrees)
        host.onPicture()
    }

    /** The answer to the question for the permission; null where that was interrupted. */
    fun onAnswer(granted: Boolean?, canAskAgain: Boolean) {
        asking = false
        // It is asked again when the screen is back.
        if (granted == null) return
        refused = !granted
        this.canAskAgain = canAskAgain
        if (refused) tellRefused() else start()
    }

    // Upside down, a screen keeps its configuration: the activity does not hear of it.
    private val onDisplay = object : DisplayManager.DisplayListener {
        override fun onDisplayChanged(id: Int) = turn()

        override fun onDisplayAdded(id: Int) = Unit

        override fun onDisplayRemoved(id: Int) = Unit
    }

    private inner class Listener : CameraSource.Listener {
        lateinit var source: CameraSource

        override fun onFrame(frame: YuvFrame, turnDegrees: Int, mirror: Boolean, timestampNs: Long) =
            host.onFrame(frame, turnDegrees, mirror, timestampNs)

        override fun onPicture(size: Size) = whileInUse {
            picture = size
            host.onCamera()
        }

        override fun onTrouble(trouble: CameraTrouble) = whileInUse {
            stop()
            host.onTrouble()
            tell(trouble)
        }

        // What becomes of a camera that was given back meanwhile is nobody's affair.
        private fun whileInUse(action: () -> Unit) =
            ContextCompat.getMainExecutor(application).execute { if (camera === source) action() }
    }

    // One question at a time: the answers to others would be lost.
    private fun ask() {
        if (asking) return
        asking = true
        host.ask(Wish.CAMERA_PERMISSION)
    }

    private fun tellRefused() {
        val help = if (canAskAgain) NoticeAction(R.string.allow, ::ask) else NoticeAction(R.string.settings, ::openSettings)
        tell(R.string.no_permission, R.string.no_permission_why, help)
    }

    private fun openSettings() {
        // What is allowed there is seen when the screen is back.
        refused = false
        val app = Uri.fromParts("package", application.packageName, null)
        host.open(Intent(ACTION_APPLICATION_DETAILS_SETTINGS, app))
    }

    private fun tell(trouble: CameraTrouble) {
        val again = NoticeAction(R.string.try_again, ::start)
        when (trouble) {
            CameraTrouble.NONE_THERE -> tell(R.string.no_camera, R.string.no_camera_why, null)
            CameraTrouble.IN_USE -> tell(R.string.camera_in_use, R.string.camera_in_use_why, again)
            CameraTrouble.NOT_ALLOWED -> tell(R.string.camera_blocked, R.string.camera_blocked_why, again)
            CameraTrouble.LOST -> tell(R.string.camera_lost, R.string.camera_lost_why, again)
        }
    }

    /** Whatever the camera lacks, a picture can be opened. */
    private fun tell(what: Int, why: Int, help: NoticeAction?) {
        val actions = listOfNotNull(help, NoticeAction(R.string.open_picture) { host.ask(Wish.PICTURE) })
        notices.picture = Notice(application.getString(what), application.getString(why), actions, offersPictures = true)
    }

    // Not Context.getDisplay, which is of API 30.
    private fun displayRotation(): Int? = displays?.getDisplay(Display.DEFAULT_DISPLAY)?.rotation
}
