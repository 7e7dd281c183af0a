package io.topformer.demo

import android.Manifest
import android.content.Context
import android.content.Intent
import android.content.pm.PackageManager
import android.hardware.display.DisplayManager
import android.net.Uri
import android.provider.Settings.ACTION_APPLICATION_DETAILS_SETTINGS
import android.view.Display
import android.view.Surface

/** The camera of the one screen: permission, troubles, and what its user can do about them. */
class CameraControl(
    private val context: Context,
    private val settings: Settings,
    private val notices: Notices,
    private val host: Host,
) {
    /** What the camera needs of the screen. */
    interface Host {
        /** On the camera's thread; the host closes the frame. */
        fun onFrame(frame: CameraFrame)

        fun ask(wish: Wish)

        fun open(intent: Intent)
    }

    private val displays = context.getSystemService(DisplayManager::class.java)
    private var camera: CameraSource? = null
    private var asking = false
    private var refused = false
    private var canAskAgain = false

    /** Opens the camera, asking for the permission first; told again, it does nothing. */
    fun start() {
        if (camera != null) return
        if (context.checkSelfPermission(Manifest.permission.CAMERA) != PackageManager.PERMISSION_GRANTED) {
            return if (refused) tellRefused() else ask()
        }
        notices.picture = null
        val listener = Listener()
        camera = CameraSource(context, listener).also {
            listener.source = it
            it.start(settings.facing, displayDegrees())
        }
        displays?.registerDisplayListener(onDisplay, null)
    }

    fun stop() {
        displays?.unregisterDisplayListener(onDisplay)
        camera?.close()
        camera = null
    }

    fun flip() {
        settings.facing = if (settings.facing == Facing.BACK) Facing.FRONT else Facing.BACK
        if (camera == null) return
        stop()
        start()
    }

    /** The screen was rotated. */
    fun turn() {
        camera?.turnTo(displayDegrees())
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

        override fun onFrame(frame: CameraFrame) = host.onFrame(frame)

        // The trouble of a camera that was given back meanwhile is nobody's.
        override fun onTrouble(trouble: CameraTrouble) = context.mainExecutor.execute {
            if (camera === source) {
                stop()
                tell(trouble)
            }
        }
    }

    // One question at a time: the answers to others would be lost.
    private fun ask() {
        if (asking) return
        asking = true
        host.ask(Wish.CAMERA_PERMISSION)
    }

    private fun tellRefused() {
        if (canAskAgain) {
            tell(R.string.no_permission, R.string.no_permission_why, R.string.allow, ::ask)
        } else {
            tell(R.string.no_permission, R.string.no_permission_why, R.string.settings, ::openSettings)
        }
    }

    private fun openSettings() {
        // What is allowed there is seen when the screen is back.
        refused = false
        val app = Uri.fromParts("package", context.packageName, null)
        host.open(Intent(ACTION_APPLICATION_DETAILS_SETTINGS, app))
    }

    private fun tell(trouble: CameraTrouble) = when (trouble) {
        CameraTrouble.NONE_THERE ->
            tell(R.string.no_camera, R.string.no_camera_why, R.string.open_picture) { host.ask(Wish.PICTURE) }
        CameraTrouble.IN_USE -> tell(R.string.camera_in_use, R.string.camera_in_use_why, R.string.try_again, ::start)
        CameraTrouble.NOT_ALLOWED ->
            tell(R.string.camera_blocked, R.string.camera_blocked_why, R.string.try_again, ::start)
        CameraTrouble.LOST -> tell(R.string.camera_lost, R.string.camera_lost_why, R.string.try_again, ::start)
    }

    private fun tell(what: Int, why: Int, actionText: Int, action: () -> Unit) {
        notices.picture = Notice(context.getString(what), context.getString(why), NoticeAction(actionText, action))
    }

    private fun displayDegrees(): Int = when (displayRotation()) {
        Surface.ROTATION_90 -> 90
        Surface.ROTATION_180 -> 180
        Surface.ROTATION_270 -> 270
        else -> 0
    }

    // Not Context.getDisplay, which is of API 30.
    private fun displayRotation(): Int? = displays?.getDisplay(Display.DEFAULT_DISPLAY)?.rotation
}
