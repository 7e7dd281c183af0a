package io.topformer.demo

import android.Manifest
import android.app.Activity
import android.content.Intent
import android.graphics.Bitmap
import android.graphics.Canvas
import android.graphics.ImageFormat
import android.hardware.camera2.CameraCharacteristics
import android.hardware.camera2.CameraManager
import android.hardware.display.DisplayManager
import android.net.Uri
import android.os.Bundle
import android.os.Looper
import android.view.Display
import android.view.Menu
import android.view.MenuItem
import android.view.MotionEvent
import android.view.Surface
import android.view.View
import android.widget.TextView
import org.junit.rules.ExternalResource
import org.robolectric.Robolectric
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf
import org.robolectric.android.controller.ActivityController
import org.robolectric.shadow.api.Shadow
import org.robolectric.shadows.ShadowCameraCharacteristics
import org.robolectric.shadows.ShadowDialog
import org.robolectric.shadows.ShadowLooper
import org.robolectric.shadows.ShadowPopupMenu
import org.robolectric.shadows.StreamConfigurationMapBuilder
import org.robolectric.util.ReflectionHelpers
import java.io.File

// Coarser than real ones, so that the kept pictures are small; photos are kept coarser still.
const val PHONE = "w411dp-h891dp-hdpi"
const val COARSE_PHONE = "w411dp-h891dp-mdpi"
const val PHONE_ON_ITS_SIDE = "w891dp-h411dp-land-hdpi"
const val COARSE_PHONE_ON_ITS_SIDE = "w891dp-h411dp-land-mdpi"
const val TABLET = "w960dp-h600dp-land-ldpi"

/** A phone with the app on it: what a user does and sees. As a rule it also ends the app, which must leave no thread. */
class Phone : ExternalResource() {
    val application: TestApplication by lazy { RuntimeEnvironment.getApplication() as TestApplication }
    private val threadsBefore = ownThreads()
    lateinit var controller: ActivityController<MainActivity>
        private set
    val activity: MainActivity get() = controller.get()

    /** Answers the question for the camera that is open. */
    fun answerForCamera(result: Int) {
        val question = shadowOf(activity).lastRequestedPermission
        // Of the activity's own, which the answer does not reach when it is given here; it cancels a second question.
        ReflectionHelpers.setField(Activity::class.java, activity, "mHasCurrentPermissionsRequest", false)
        @Suppress("DEPRECATION")
        activity.onRequestPermissionsResult(question.requestCode, arrayOf(Manifest.permission.CAMERA), intArrayOf(result))
    }

    /** Turns the phone, for which Android builds the screen anew. */
    fun turn(qualifiers: String) {
        RuntimeEnvironment.setQualifiers(qualifiers)
        controller.configurationChange().visible()
        shadowOf(Looper.getMainLooper()).idle()
    }

    fun allowCamera() = shadowOf(application).grantPermissions(Manifest.permission.CAMERA)

    fun addCamera(id: String, facing: Int, sensorDegrees: Int = 90) {
        val characteristics = ShadowCameraCharacteristics.newCameraCharacteristics()
        val shadow = Shadow.extract<ShadowCameraCharacteristics>(characteristics)
        shadow.set(CameraCharacteristics.LENS_FACING, facing)
        shadow.set(CameraCharacteristics.SENSOR_ORIENTATION, sensorDegrees)
        val sizes = StreamConfigurationMapBuilder.newBuilder()
            .addOutputSize(ImageFormat.YUV_420_888, android.util.Size(640, 480))
            .build()
        shadow.set(CameraCharacteristics.SCALER_STREAM_CONFIGURATION_MAP, sizes)
        shadowOf(application.getSystemService(CameraManager::class.java)).addCamera(id, characteristics)
    }

    /** Lays the phone on its side, as far as the camera can tell. */
    fun layOnSide() {
        val display = application.getSystemService(DisplayManager::class.java)!!.getDisplay(Display.DEFAULT_DISPLAY)
        shadowOf(display).setRotation(Surface.ROTATION_90)
    }

    /** Starts with the camera, which waits for frames when this returns. */
    fun startLive(): FrameReader {
        allowCamera()
        start()
        until("a model") { text(R.id.model_line).isNotEmpty() }
        return untilLive()
    }

    fun untilLive(): FrameReader {
        until("a camera") { LiveCamera.running.size == 1 }
        return LiveCamera.running.single()
    }

    fun start(intent: Intent? = null): MainActivity {
        controller = Robolectric.buildActivity(MainActivity::class.java, intent).setup()
        return activity
    }

    /** Starts the app as Android does after its process had died. */
    fun restore(saved: Bundle) {
        controller = Robolectric.buildActivity(MainActivity::class.java).setup(saved)
    }

    override fun after() {
        if (::controller.isInitialized) controller.close()
        until("the end of all threads") { (ownThreads() - threadsBefore).isEmpty() }
    }

    private fun ownThreads(): Set<Thread> =
        Thread.getAllStackTraces().keys.filterTo(HashSet()) { it.name == "inference" || it.name == "camera" }

    /** Lets the app's threads work until something is so. */
    fun until(what: String, isSo: () -> Boolean) {
        val deadline = System.nanoTime() + LONGEST_WAIT_NS
        do {
            shadowOf(Looper.getMainLooper()).idle()
            if (isSo()) return
            Thread.sleep(POLL_MS)
        } while (System.nanoTime() < deadline)
        val notice = if (isShown(R.id.notice)) "${text(R.id.notice_what)} ${text(R.id.notice_why)}" else "no notice"
        throw AssertionError("It never came to this: $what. There is: ${text(R.id.model_line)}; $notice.")
    }

    fun untilNotice(what: String) = until("the notice '$what'") { isShown(R.id.notice) && text(R.id.notice_what) == what }

    fun untilLabels() = until("a picture with labels") { text(R.id.timing_line).isNotEmpty() && !isShown(R.id.notice) }

    /** Chooses a picture in answer to the system's question for one. */
    fun openPicture(file: File) {
        // The one of the last time may be there.
        if (view<View>(R.id.open_picture).contentDescription == "Back to the camera") click(R.id.open_picture)
        click(R.id.open_picture)
        val question = shadowOf(activity).nextStartedActivityForResult
        shadowOf(activity).receiveResult(question.intent, Activity.RESULT_OK, Intent().setData(Uri.fromFile(file)))
    }

    fun click(id: Int) {
        view<View>(id).performClick()
        shadowOf(Looper.getMainLooper()).idle()
    }

    /** What the menu of models offers, those in the menus within it as well. */
    fun menuTitles(): List<String> = openMenu().map { it.title.toString() }

    fun chooseInMenu(title: String) {
        val item = openMenu().single { it.title == title }
        val menu = ShadowPopupMenu.getLatestPopupMenu().menu
        check(item.isEnabled && menu.performIdentifierAction(item.itemId, 0)) { "'$title' does nothing." }
        shadowOf(Looper.getMainLooper()).idle()
    }

    fun openMenu(): List<MenuItem> {
        click(R.id.models)
        fun all(menu: Menu): List<MenuItem> =
            List(menu.size()) { menu.getItem(it) }.flatMap { listOf(it) + it.subMenu?.let(::all).orEmpty() }
        return all(ShadowPopupMenu.getLatestPopupMenu().menu)
    }

    /** Taps a place of the shown picture, from 0 to 1 along each side of the view. */
    fun tapPicture(x: Float, y: Float) {
        // What a tap hits is known since it was drawn.
        draw()
        val picture = view<View>(R.id.picture)
        for (action in listOf(MotionEvent.ACTION_DOWN, MotionEvent.ACTION_UP)) {
            val event = MotionEvent.obtain(0, 0, action, x * picture.width, y * picture.height, 0)
            picture.dispatchTouchEvent(event)
            event.recycle()
        }
        shadowOf(Looper.getMainLooper()).idle()
    }

    fun <T : View> view(id: Int): T = activity.requireViewById(id)

    fun text(id: Int): String = view<TextView>(id).text.toString()

    fun isShown(id: Int): Boolean = view<View>(id).isShown

    /** Holds what the screen shows to the picture that is kept of it. */
    fun screenshot(name: String) {
        // Measured times differ each time; as zeros they can't be taken for a phone's either.
        view<TextView>(R.id.timing_line).run { text = text.replace(Regex("[0-9]+"), "0") }
        settle()
        val accept = System.getProperty("screens.accept").toBoolean()
        KeptScreens(folder("screens.kept"), folder("screens"), accept).check(name, draw())
    }

    /** The colour at a place of the view of the picture, from 0 to 1 along each side. */
    fun colourAt(x: Float, y: Float): Int {
        val stage = view<View>(R.id.picture)
        val corner = IntArray(2).also(stage::getLocationInWindow)
        return draw().getPixel(corner[0] + (x * stage.width).toInt(), corner[1] + (y * stage.height).toInt())
    }

    fun draw(): Bitmap {
        val window = activity.window.decorView
        val picture = Bitmap.createBitmap(window.width, window.height, Bitmap.Config.ARGB_8888)
        val canvas = Canvas(picture).also(window::draw)
        val dialog = ShadowDialog.getLatestDialog()?.takeIf { it.isShowing }?.window?.decorView ?: return picture
        canvas.translate((window.width - dialog.width) / 2f, (window.height - dialog.height) / 2f)
        dialog.draw(canvas)
        return picture
    }

    /** Lets the model finish what it was given, and the screen show it. */
    fun settle() {
        val threads = ownThreads() - threadsBefore
        val inference = ShadowLooper.getAllLoopers().filter { it.thread in threads && it.thread.name == "inference" }
        check(inference.isNotEmpty()) { "The model's thread has another name." }
        // A text of another length may change the picture's size, for which there are new labels.
        repeat(3) {
            shadowOf(Looper.getMainLooper()).idle()
            inference.forEach { shadowOf(it).idle() }
        }
        shadowOf(Looper.getMainLooper()).idle()
    }

    private companion object {
        const val POLL_MS = 10L

        // Long enough for a busy machine; nothing waits longer than it must.
        const val LONGEST_WAIT_NS = 30_000_000_000L
    }
}
