package io.topformer.demo

import android.Manifest
import android.app.Activity
import android.app.AlertDialog
import android.content.Intent
import android.graphics.Bitmap
import android.graphics.Canvas
import android.graphics.Color
import android.graphics.ImageFormat
import android.graphics.Insets
import android.graphics.Paint
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
import android.view.ViewGroup
import android.view.WindowInsets
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
import java.time.Duration

// Coarser than real ones, so that the kept pictures are small; photos are kept coarser still.
const val PHONE = "w411dp-h891dp-mdpi"
const val COARSE_PHONE = "w411dp-h891dp-ldpi"
const val PHONE_ON_ITS_SIDE = "w891dp-h411dp-land-mdpi"
const val COARSE_PHONE_ON_ITS_SIDE = "w891dp-h411dp-land-ldpi"
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

    /** One camera runs: another than the one `before`, which is given back on a thread of its own. */
    fun untilLive(before: FrameReader? = null): FrameReader {
        until("a camera") { LiveCamera.running.size == 1 && LiveCamera.running.single() !== before }
        // It delivers nothing before all is set up that it is asked for after its reader.
        return LiveCamera.running.single().also {
            it.untilTaken()
            shadowOf(Looper.getMainLooper()).idle()
        }
    }

    fun start(intent: Intent? = null): MainActivity {
        controller = Robolectric.buildActivity(MainActivity::class.java, intent).setup()
        showBars()
        return activity
    }

    /** Lets the system's bars take their place over the app, at the top and at the bottom. */
    fun showBars() {
        val density = activity.resources.displayMetrics.density
        val insets = WindowInsets.Builder()
            .setInsets(WindowInsets.Type.statusBars(), Insets.of(0, (STATUS_BAR_DP * density).toInt(), 0, 0))
            .setInsets(WindowInsets.Type.navigationBars(), Insets.of(0, 0, 0, (NAVIGATION_BAR_DP * density).toInt()))
            .build()
        view<View>(R.id.root).dispatchApplyWindowInsets(insets)
        shadowOf(Looper.getMainLooper()).idle()
    }

    /** Draws what the system does over the app: the time in white, and the line to swipe by. */
    private fun drawBars(canvas: Canvas, width: Int, height: Int) {
        val density = activity.resources.displayMetrics.density
        val paint = Paint(Paint.ANTI_ALIAS_FLAG).apply { color = Color.WHITE }
        paint.textSize = 14 * density
        canvas.drawText("9:41", 24 * density, 17 * density, paint)
        paint.color = Color.GRAY
        val bottom = height - 9 * density
        canvas.drawRoundRect(width / 2 - 54 * density, bottom, width / 2 + 54 * density, bottom + 4 * density, 2 * density, 2 * density, paint)
    }

    /** Starts the app as Android does after its process had died. */
    fun restore(saved: Bundle) {
        controller = Robolectric.buildActivity(MainActivity::class.java).setup(saved)
    }

    override fun after() {
        if (::controller.isInitialized) {
            controller.close()
            until("a camera that was given back") {
                shadowOf(application.cameras.handler.looper).idle()
                !LiveCamera.isHeld
            }
            application.end()
        }
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

    fun untilLabels() = until("a picture with labels") { "ms" in text(R.id.timing_line) && !isShown(R.id.notice) }

    /** Chooses a picture in answer to the system's question for one. */
    fun openPicture(file: File) {
        click(R.id.open_picture)
        (ShadowDialog.getLatestDialog() as AlertDialog).getButton(AlertDialog.BUTTON_POSITIVE).performClick()
        shadowOf(Looper.getMainLooper()).idle()
        val question = shadowOf(activity).nextStartedActivityForResult
        shadowOf(activity).receiveResult(question.intent, Activity.RESULT_OK, Intent().setData(Uri.fromFile(file)))
    }

    /** Opens a picture that comes with the app. */
    fun openSample(name: String) {
        click(R.id.open_picture)
        fun all(view: View): List<View> = listOf(view) + ((view as? ViewGroup)?.let { List(it.childCount) { i -> all(it.getChildAt(i)) }.flatten() }.orEmpty())
        press(all(checkNotNull(ShadowDialog.getLatestDialog().window).decorView).single { it.contentDescription == name })
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
        showDetails()
        click(R.id.models)
        fun all(menu: Menu): List<MenuItem> =
            List(menu.size()) { menu.getItem(it) }.flatMap { listOf(it) + it.subMenu?.let(::all).orEmpty() }
        return all(ShadowPopupMenu.getLatestPopupMenu().menu)
    }

    /** What the legend says, from first to last. */
    fun legend(): List<String> {
        val legend = view<ViewGroup>(R.id.legend)
        return List(legend.childCount) { legend.getChildAt(it) as TextView }
            .filter { it.isShown && it.contentDescription != null }.map { it.text.toString() }
    }

    fun longPress(view: View) {
        view.performLongClick()
        shadowOf(Looper.getMainLooper()).idle()
    }

    fun press(view: View) {
        view.performClick()
        shadowOf(Looper.getMainLooper()).idle()
    }

    /** The legend's entry of a class. */
    fun chip(name: String): View {
        val legend = view<ViewGroup>(R.id.legend)
        return List(legend.childCount) { legend.getChildAt(it) as TextView }.single { it.isShown && it.text.startsWith(name) }
    }

    /** Opens the sheet of details, where there is one to be opened, or closes it. */
    fun showDetails(show: Boolean = true) {
        if (isShown(R.id.details_button) && text(R.id.details_button) == if (show) "Details" else "Less") click(R.id.details_button)
        shadowOf(Looper.getMainLooper()).idleFor(Duration.ofSeconds(1))
    }

    /** Taps a place of the shown picture, from 0 to 1 along each side of it. */
    fun tapPicture(x: Float, y: Float) {
        // What a tap hits is known since it was drawn.
        draw()
        val picture = view<PictureView>(R.id.picture)
        val place = picture.placeOf(x, y)
        for (action in listOf(MotionEvent.ACTION_DOWN, MotionEvent.ACTION_UP)) {
            val event = MotionEvent.obtain(0, 0, action, place.x, place.y, 0)
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
        settle()
        val accept = System.getProperty("screens.accept").toBoolean()
        KeptScreens(folder("screens.kept"), folder("screens"), accept).check(name, draw())
    }

    /** The colour at a place of the shown picture, from 0 to 1 along each side of it. */
    fun colourAt(x: Float, y: Float): Int {
        val place = view<PictureView>(R.id.picture).placeOf(x, y)
        return draw().getPixel(place.x.toInt(), place.y.toInt())
    }

    fun draw(): Bitmap {
        val window = activity.window.decorView
        val picture = Bitmap.createBitmap(window.width, window.height, Bitmap.Config.ARGB_8888)
        val canvas = Canvas(picture).also(window::draw)
        drawBars(canvas, window.width, window.height)
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
        const val STATUS_BAR_DP = 24
        const val NAVIGATION_BAR_DP = 24

        // Long enough for a busy machine; nothing waits longer than it must.
        const val LONGEST_WAIT_NS = 30_000_000_000L
    }
}
