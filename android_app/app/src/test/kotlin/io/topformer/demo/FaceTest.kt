package io.topformer.demo

import android.app.AlertDialog
import android.graphics.Color
import android.graphics.Insets
import android.hardware.camera2.CameraCharacteristics
import android.os.Looper
import android.os.SystemClock
import android.provider.MediaStore
import android.view.MotionEvent
import android.view.View
import android.view.WindowInsets
import android.widget.SeekBar
import io.topformer.core.ClassRanking
import io.topformer.core.ManifestReader
import org.robolectric.Shadows.shadowOf
import org.robolectric.annotation.Config
import org.robolectric.shadows.ShadowDialog
import java.time.Duration
import kotlin.test.BeforeTest
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFalse
import kotlin.test.assertNotEquals
import kotlin.test.assertTrue

/** What fingers do to the picture, the legend and the sheet. */
class FaceTest : AppTest() {
    private val view by lazy { phone.view<PictureView>(R.id.picture) }

    @BeforeTest
    fun install() = TestModel.install(phone.application)

    @Test
    fun `a class is shown alone, the others dark, and all again`() {
        startWithPicture()
        phone.view<SeekBar>(R.id.opacity).progress = 100
        val person = phone.colourAt(0.5f, 0.5f)
        val sky = phone.colourAt(0.5f, 0.1f)
        phone.press(phone.chip("Sky"))
        assertEquals(sky, phone.colourAt(0.5f, 0.1f))
        assertEquals(Color.BLACK, phone.colourAt(0.5f, 0.5f))
        assertEquals("Sky", phone.legend().first().substringBefore(' '))
        phone.press(phone.chip("Sky"))
        assertEquals(person, phone.colourAt(0.5f, 0.5f))
        phone.press(phone.chip("Person"))
        assertEquals(person, phone.colourAt(0.5f, 0.5f))
        phone.press(phone.chip("Show all"))
        assertEquals(sky, phone.colourAt(0.5f, 0.1f))
    }

    @Test
    fun `a class is hidden until all are wanted, and on another day too`() {
        startWithPicture()
        phone.view<SeekBar>(R.id.opacity).progress = 100
        val person = phone.colourAt(0.5f, 0.5f)
        val sky = phone.colourAt(0.5f, 0.1f)
        phone.longPress(phone.chip("Person"))
        val bare = phone.colourAt(0.5f, 0.5f)
        assertNotEquals(person, bare)
        assertEquals(sky, phone.colourAt(0.5f, 0.1f))
        phone.controller.close()
        phone.start()
        phone.untilLabels()
        phone.settle()
        assertEquals(bare, phone.colourAt(0.5f, 0.5f))
        phone.press(phone.chip("Show all"))
        assertEquals(person, phone.colourAt(0.5f, 0.5f))
    }

    @Test
    fun `the legend has every class that is in view`() {
        val legend = legend()
        legend.show(rankingOf(List(MANY) { 1f / MANY }), manyClasses(), mayBeNone = false) { "" }
        assertEquals(List(MANY) { "Class $it" }, namesIn(legend))
    }

    @Test
    fun `the class that a finger is on stays under it when others pass it`() {
        val legend = legend()
        val touched = ArrayList<Int>()
        legend.listener = object : LegendView.Listener {
            override fun onAlone(classId: Int) {
                touched += classId
            }

            override fun onHide(classId: Int) {
                touched += classId
            }

            override fun onShowAll() = Unit
        }
        legend.show(rankingOf(listOf(0.5f, 0.3f, 0.2f)), manyClasses(), mayBeNone = false) { "" }
        val chips = chipsIn(legend)
        legend.show(rankingOf(listOf(0f, 0.4f, 0.5f)), manyClasses(), mayBeNone = false) { "" }
        assertEquals(listOf("Class 2", "Class 1"), namesIn(legend))
        chips.forEach { it.performClick() }
        chips.forEach { it.performLongClick() }
        assertEquals(listOf(0, 1, 2, 0, 1, 2), touched)
    }

    @Test
    fun `the bare picture is seen while compare is held, and in a screen reader after each click`() {
        startWithPicture()
        phone.view<SeekBar>(R.id.opacity).progress = 100
        val labels = phone.colourAt(0.5f, 0.5f)
        val compare = phone.view<View>(R.id.compare)
        touch(compare, MotionEvent.ACTION_DOWN, 10f, 10f)
        assertNotEquals(labels, phone.colourAt(0.5f, 0.5f))
        touch(compare, MotionEvent.ACTION_UP, 10f, 10f)
        assertEquals(labels, phone.colourAt(0.5f, 0.5f))
        phone.press(compare)
        assertNotEquals(labels, phone.colourAt(0.5f, 0.5f))
        phone.press(compare)
        assertEquals(labels, phone.colourAt(0.5f, 0.5f))
    }

    @Test
    fun `a finger that rests on the picture takes the labels away`() {
        startWithPicture()
        phone.view<SeekBar>(R.id.opacity).progress = 100
        val labels = phone.colourAt(0.5f, 0.5f)
        touch(view, MotionEvent.ACTION_DOWN, 100f, 300f)
        shadowOf(Looper.getMainLooper()).idleFor(Duration.ofSeconds(1))
        assertNotEquals(labels, phone.colourAt(0.5f, 0.5f))
        touch(view, MotionEvent.ACTION_UP, 100f, 300f)
        assertEquals(labels, phone.colourAt(0.5f, 0.5f))
    }

    @Test
    fun `a double tap makes the picture larger and takes it back, a finger moves it`() {
        startWithPicture()
        val atFirst = view.placeOf(0.5f, 0.5f)
        val corner = view.placeOf(0f, 0f)
        doubleTap(atFirst.x, atFirst.y)
        assertTrue(view.placeOf(0f, 0f).x < corner.x - 100)
        assertEquals(atFirst.x, view.placeOf(0.5f, 0.5f).x, 1f)
        touch(view, MotionEvent.ACTION_DOWN, 200f, 300f)
        touch(view, MotionEvent.ACTION_MOVE, 260f, 330f)
        touch(view, MotionEvent.ACTION_MOVE, 280f, 340f)
        touch(view, MotionEvent.ACTION_UP, 280f, 340f)
        assertTrue(view.placeOf(0.5f, 0.5f).x > atFirst.x + 40)
        shadowOf(Looper.getMainLooper()).idleFor(Duration.ofSeconds(1))
        doubleTap(200f, 300f)
        assertEquals(corner, view.placeOf(0f, 0f))
    }

    @Test
    fun `another picture is seen whole, and nothing is named in it`() {
        startWithPicture()
        val corner = view.placeOf(0f, 0f)
        doubleTap(200f, 300f)
        assertEquals("Person", view.tappedName)
        assertNotEquals(corner, view.placeOf(0f, 0f))
        phone.openPicture(streetPicture(600, 800))
        phone.until("the other picture") { view.tappedName == null }
        assertEquals(corner, view.placeOf(0f, 0f))
    }

    @Test
    @Config(qualifiers = PHONE_ON_ITS_SIDE)
    fun `no bar at a side lies over the sheet, also when the phone is turned upside down`() {
        phone.start()
        val sheet = phone.view<View>(R.id.sheet)
        for ((left, right) in listOf(0 to 48, 48 to 0)) {
            val bars = WindowInsets.Builder().setInsets(WindowInsets.Type.navigationBars(), Insets.of(left, 0, right, 0)).build()
            phone.view<View>(R.id.root).dispatchApplyWindowInsets(bars)
            shadowOf(Looper.getMainLooper()).idle()
            assertEquals(phone.view<View>(R.id.root).width - right - 12, sheet.right)
        }
    }

    @Test
    fun `the sheet follows a finger, and goes with the back button`() {
        startWithPicture()
        val sheet = phone.view<SheetView>(R.id.sheet)
        assertFalse(phone.isShown(R.id.times))
        drag(sheet, from = 20f, by = -300f)
        assertTrue(phone.isShown(R.id.times))
        assertEquals("Less", phone.text(R.id.details_button))
        phone.activity.onBackPressedDispatcher.onBackPressed()
        shadowOf(Looper.getMainLooper()).idleFor(Duration.ofSeconds(1))
        assertFalse(phone.isShown(R.id.times))
        assertFalse(phone.activity.isFinishing)
        phone.showDetails()
        drag(sheet, from = 20f, by = 200f)
        assertFalse(phone.isShown(R.id.times))
    }

    @Test
    fun `the sheet stays under a finger while it is laid out anew`() {
        startWithPicture()
        val sheet = phone.view<SheetView>(R.id.sheet)
        val below = sheet.translationY
        touch(sheet, MotionEvent.ACTION_DOWN, 200f, 20f)
        for (y in listOf(-40f, -80f)) touch(sheet, MotionEvent.ACTION_MOVE, 200f, y)
        val under = sheet.translationY
        assertTrue(under < below - 50)
        layOut(sheet)
        assertEquals(under, sheet.translationY)
        touch(sheet, MotionEvent.ACTION_MOVE, 200f, -100f)
        assertTrue(sheet.translationY < under)
        // Back where it began it goes where it was.
        touch(sheet, MotionEvent.ACTION_MOVE, 200f, 19f)
        touch(sheet, MotionEvent.ACTION_UP, 200f, 19f)
        shadowOf(Looper.getMainLooper()).idleFor(Duration.ofSeconds(1))
        assertEquals(below, sheet.translationY)
        assertFalse(phone.isShown(R.id.times))
    }

    @Test
    fun `a legend that says the same asks for no layout`() {
        val legend = legend()
        val classes = manyClasses()
        repeat(2) {
            legend.show(rankingOf(listOf(0.5f, 0.3f)), classes, mayBeNone = false) { "some" }
            assertEquals(it == 0, legend.isLayoutRequested)
            legend.measure(View.MeasureSpec.makeMeasureSpec(400, View.MeasureSpec.EXACTLY), View.MeasureSpec.UNSPECIFIED)
            legend.layout(0, 0, legend.measuredWidth, legend.measuredHeight)
        }
    }

    @Test
    fun `a picture that comes with the app is opened without any other app`() {
        phone.start()
        phone.until("a model") { phone.text(R.id.model_line).isNotEmpty() }
        phone.openSample("Cat")
        phone.untilLabels()
        assertEquals("Camera", phone.text(R.id.freeze))
    }

    @Test
    fun `the user's own are picked by the system's picker of pictures`() {
        phone.start()
        phone.until("a model") { phone.text(R.id.model_line).isNotEmpty() }
        phone.click(R.id.open_picture)
        (ShadowDialog.getLatestDialog() as AlertDialog).getButton(AlertDialog.BUTTON_POSITIVE).performClick()
        shadowOf(Looper.getMainLooper()).idle()
        val question = shadowOf(phone.activity).nextStartedActivityForResult.intent
        assertEquals(MediaStore.ACTION_PICK_IMAGES to "image/*", question.action to question.type)
    }

    @Test
    fun `what has nothing to act on can't be pressed, and no number is left under a notice`() {
        phone.allowCamera()
        phone.start()
        phone.untilNotice("No camera was found")
        val dead = listOf(R.id.freeze, R.id.flip, R.id.compare, R.id.share)
        assertEquals(emptyList(), dead.filter { phone.view<View>(it).isEnabled })
        assertTrue(phone.view<View>(R.id.open_picture).isEnabled)
        assertEquals("TopFormer", phone.text(R.id.timing_line))
        assertEquals("Open a picture", phone.text(R.id.notice_action))
        // A picture to try is in the notice itself.
        phone.press(phone.view<SamplesView>(R.id.notice_samples).getChildAt(0))
        phone.untilLabels()
        assertTrue(listOf(R.id.freeze, R.id.compare, R.id.share).all { phone.view<View>(it).isEnabled })
        assertFalse(phone.view<View>(R.id.flip).isEnabled)
        phone.click(R.id.freeze)
        phone.untilNotice("No camera was found")
        assertEquals("TopFormer", phone.text(R.id.timing_line))
        assertFalse(phone.isShown(R.id.legend) || phone.isShown(R.id.opacity))
    }

    @Test
    fun `a camera without another on the other side can't be turned`() {
        phone.addCamera("0", CameraCharacteristics.LENS_FACING_BACK)
        val camera = phone.startLive()
        camera.deliver(halves(Color.GRAY))
        phone.untilLabels()
        assertFalse(phone.view<View>(R.id.flip).isEnabled)
        assertTrue(phone.view<View>(R.id.freeze).isEnabled)
    }

    @Test
    fun `the time is read over a white picture, and nothing of the app is under the bars`() {
        phone.addCamera("0", CameraCharacteristics.LENS_FACING_BACK)
        val camera = phone.startLive()
        camera.deliver(halves(Color.WHITE))
        phone.untilLabels()
        phone.view<SeekBar>(R.id.opacity).progress = 0
        val screen = phone.draw()
        val behind = (4 until 20).map { Color.luminance(screen.getPixel(300, it)) }.max()
        // Contrast as WCAG 2 has it: 4.5 to 1 for text of any size.
        assertTrue(1.05f / (behind + 0.05f) >= 4.5f, "The picture behind the time is $behind bright.")
        assertTrue(Color.luminance(screen.getPixel(300, 100)) > 0.9f)
        val tools = phone.view<View>(R.id.tools)
        val place = IntArray(2).also(tools::getLocationInWindow)
        assertTrue(place[1] + tools.height <= screen.height - 24)
    }

    private fun legend() = LegendView(phone.start(), null)

    private fun chipsIn(legend: LegendView): List<LegendChip> = List(legend.childCount) { legend.getChildAt(it) as LegendChip }
        .filter { it.visibility == View.VISIBLE && it.contentDescription != null }

    private fun namesIn(legend: LegendView) = chipsIn(legend).map { it.text.toString().trim() }

    private fun rankingOf(amounts: List<Float>) =
        ClassRanking(MANY, step = 0.01f).apply { update(FloatArray(MANY) { amounts.getOrElse(it) { 0f } }, nowMs = 0) }

    private fun manyClasses(): ShownClasses {
        val names = List(MANY) { "\"class $it\"" }
        val palette = List(MANY) { "[$it, $it, $it]" }
        val manifest = TestModel.manifest()
            .replace("\"num_classes\": 6", "\"num_classes\": $MANY")
            .replace("[1, 6, 8, 8]", "[1, $MANY, 8, 8]")
            .replace(Regex("\"names\": \\[[^]]*]"), "\"names\": $names")
            .replace(Regex("\"palette\": \\[\\[[^}]*]]"), "\"palette\": $palette")
        val settings = Settings(phone.application.getSharedPreferences("other", 0)) {}
        return ShownClasses.of(ManifestReader.read(manifest.toByteArray()), settings)
    }

    private fun startWithPicture() {
        phone.start()
        phone.openPicture(streetPicture(300, 400))
        phone.untilLabels()
        phone.settle()
    }

    private fun layOut(view: View) {
        view.requestLayout()
        shadowOf(Looper.getMainLooper()).idleFor(Duration.ofMillis(100))
        assertFalse(view.isLayoutRequested)
    }

    private fun drag(sheet: View, from: Float, by: Float) {
        touch(sheet, MotionEvent.ACTION_DOWN, 200f, from)
        for (step in 1..4) touch(sheet, MotionEvent.ACTION_MOVE, 200f, from + by * step / 4)
        touch(sheet, MotionEvent.ACTION_UP, 200f, from + by)
        shadowOf(Looper.getMainLooper()).idleFor(Duration.ofSeconds(1))
    }

    private fun doubleTap(x: Float, y: Float) = repeat(2) {
        touch(view, MotionEvent.ACTION_DOWN, x, y)
        touch(view, MotionEvent.ACTION_UP, x, y)
        shadowOf(Looper.getMainLooper()).idleFor(Duration.ofMillis(100))
    }

    private var downMs = 0L

    private fun touch(view: View, action: Int, x: Float, y: Float) {
        val nowMs = SystemClock.uptimeMillis()
        if (action == MotionEvent.ACTION_DOWN) downMs = nowMs
        val event = MotionEvent.obtain(downMs, nowMs, action, x, y, 0)
        view.dispatchTouchEvent(event)
        event.recycle()
        shadowOf(Looper.getMainLooper()).idle()
    }

    private companion object {
        const val MANY = 20
    }
}
