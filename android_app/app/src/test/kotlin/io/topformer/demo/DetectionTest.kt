package io.topformer.demo

import android.graphics.Bitmap
import android.graphics.BitmapFactory
import android.graphics.Canvas
import android.graphics.Color
import android.graphics.Paint
import android.graphics.RectF
import android.hardware.camera2.CameraCharacteristics
import android.os.Looper
import android.view.View
import android.view.ViewGroup
import android.widget.SeekBar
import android.widget.TextView
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf
import org.robolectric.annotation.Config
import java.time.Duration
import kotlin.math.abs
import kotlin.test.BeforeTest
import kotlin.test.Test
import kotlin.test.assertContains
import kotlin.test.assertEquals
import kotlin.test.assertFalse
import kotlin.test.assertNotEquals
import kotlin.test.assertNull
import kotlin.test.assertTrue

/** A detector's file is shown as boxes, because its manifest says so. The boxes are made by hand. */
class DetectionTest : AppTest() {
    private val view by lazy { phone.view<PictureView>(R.id.picture) }

    @BeforeTest
    fun install() {
        TestDetector.install(phone.application)
        phone.application.boxes = listOf(CUP, SPOON, TABLE)
    }

    @Test
    @Config(qualifiers = COARSE_PHONE)
    fun `a picture with boxes`() {
        showSample()
        assertEquals(listOf("Cup 1", "Dining table 1", "Spoon 1"), phone.legend())
        phone.screenshot("boxes")
    }

    @Test
    @Config(qualifiers = COARSE_PHONE_ON_ITS_SIDE)
    fun `live boxes in the dark theme`() {
        RuntimeEnvironment.setQualifiers("+night")
        phone.layOnSide()
        phone.application.boxes = CROWD
        startLive()
        assertContains(phone.text(R.id.timing_line), "fps")
        assertEquals(listOf("Person 3", "Dog 1", "Traffic light 1"), phone.legend())
        phone.screenshot("boxes-live")
    }

    @Test
    fun `a box lies around its object, in its class's colour, and only there`() {
        phone.application.boxes = listOf(FakeBox(1, 0.9f, 0.25f, 0.25f, 0.75f, 0.5f))
        showStreet()
        val dog = colourOf("dog")
        val edges = listOf(0.25f to 0.4f, 0.75f to 0.4f, 0.5f to 0.5f)
        for ((x, y) in edges) assertTrue(isNear(dog, phone.colourAt(x, y)), "No line at $x, $y.")
        val inside = phone.colourAt(0.5f, 0.4f)
        val outside = phone.colourAt(0.5f, 0.7f)
        phone.press(phone.view(R.id.compare))
        assertNotEquals(inside, phone.colourAt(0.5f, 0.4f))
        assertEquals(outside, phone.colourAt(0.5f, 0.7f))
        for ((x, y) in edges) assertFalse(isNear(dog, phone.colourAt(x, y)), "A line at $x, $y.")
    }

    @Test
    fun `lines are gone where the slider is at its start`() {
        showStreet()
        phone.view<SeekBar>(R.id.opacity).progress = 0
        val bare = List(20) { phone.colourAt(SPOON.left, it / 20f) }
        phone.press(phone.view(R.id.compare))
        assertEquals(bare, List(20) { phone.colourAt(SPOON.left, it / 20f) })
    }

    @Test
    fun `what is unlikely is not shown, though the manifest lets it pass`() {
        phone.application.boxes = listOf(FakeBox(0, 0.29f, 0.1f, 0.1f, 0.4f, 0.4f), FakeBox(1, 0.31f, 0.6f, 0.6f, 0.9f, 0.9f))
        showStreet()
        assertEquals(listOf("Dog 1"), phone.legend())
    }

    @Test
    fun `boxes of a class are shown alone, hidden, and all again`() {
        showStreet()
        val all = edge(CUP) to edge(TABLE)
        phone.press(phone.chip("Cup"))
        assertEquals(all.first, edge(CUP))
        assertNotEquals(all.second, edge(TABLE))
        assertContains(phone.chip("Cup").contentDescription.toString(), "shown alone")
        phone.press(phone.chip("Show all"))
        assertEquals(all, edge(CUP) to edge(TABLE))
        phone.longPress(phone.chip("Cup"))
        assertNotEquals(all.first, edge(CUP))
        assertEquals("Found: Dining table 1, Spoon 1.", found())
    }

    @Test
    fun `a tap names the smallest box that is seen there`() {
        showStreet()
        phone.tapPicture((SPOON.left + SPOON.right) / 2, 0.5f)
        assertEquals("Spoon 61%", view.tappedName)
        phone.longPress(phone.chip("Spoon"))
        assertEquals("Cup 97%", view.tappedName)
        phone.tapPicture(0.02f, 0.95f)
        assertNull(view.tappedName)
        // The screen is drawn without a mark then.
        phone.draw()
    }

    @Test
    fun `a screen reader hears what was found, and that nothing was`() {
        phone.application.boxes = listOf(SPOON, CUP, FakeBox(2, 0.8f, 0.05f, 0.7f, 0.2f, 0.9f))
        showStreet()
        assertEquals("Found: Cup 2, Spoon 1.", found())
        assertEquals("Opacity of the boxes", described(R.id.opacity))
        assertEquals("Compare: without boxes while held", described(R.id.compare))
        phone.application.boxes = emptyList()
        phone.openPicture(streetPicture(310, 400))
        phone.until("an empty picture") { found() == "Found: nothing." }
        val legend = phone.view<ViewGroup>(R.id.legend)
        val shown = List(legend.childCount) { legend.getChildAt(it) as TextView }.filter { it.isShown }
        assertEquals(listOf("Nothing found"), shown.map { it.text.toString() })
        assertFalse(shown.single().isClickable)
    }

    @Test
    fun `live numbers follow what is there, and a frozen screen's can be counted`() {
        phone.application.boxes = CROWD
        val camera = startLive()
        phone.application.boxes = CROWD.take(1)
        val image = camera.deliver(halves(Color.GRAY))
        phone.until("a result") { image.closed }
        phone.settle()
        phone.click(R.id.freeze)
        assertEquals(listOf("Person 1"), phone.legend())
    }

    @Test
    fun `the words are those of boxes`() {
        showStreet()
        phone.showDetails()
        val times = phone.view<TimesView>(R.id.times)
        assertEquals("Boxes", ((times.getChildAt(3) as ViewGroup).getChildAt(0) as TextView).text.toString())
    }

    @Test
    fun `what is shared has the boxes on it`() {
        showStreet()
        val manifest = checkNotNull(phone.application.let { ModelStore(it, "none").list().single().prepare() }).manifest
        val settings = Settings(phone.application.getSharedPreferences("other", 0)) {}
        val result = Result()
        val still = StillFrame(IntArray(400 * 300) { Color.WHITE }, 400, 300)
        Pipeline(manifest, FakeDetector(manifest) { listOf(CUP) }, phone.application.clock).use { it.run(still, 40, 30, result) }
        val shared = compose(still.picture, result, ShownClasses.of(manifest, settings), opacity = 0.5f)
        assertTrue(isNear(colourOf("cup"), shared.getPixel((CUP.left * 400).toInt(), 150)))
        assertEquals(Color.WHITE, shared.getPixel(380, 280))
        assertEquals(Color.WHITE, still.picture.getPixel((CUP.left * 400).toInt(), 150))
    }

    @Test
    fun `names are read on any photo, within the picture, and none lies on another`() {
        val manifest = ModelStore(phone.application, "none").list().single().prepare().manifest
        val classes = ShownClasses.of(manifest, Settings(phone.application.getSharedPreferences("other", 0)) {})
        val many = List(30) { FakeBox((it + 4) % 6, 0.9f - it * 0.01f, it % 6 * 0.16f, it / 6 * 0.19f, it % 6 * 0.16f + 0.15f, it / 6 * 0.19f + 0.17f) }
        for (ground in listOf(Color.BLACK, Color.WHITE)) {
            val result = Result()
            val still = StillFrame(IntArray(300 * 300) { ground }, 300, 300)
            Pipeline(manifest, FakeDetector(manifest) { many }, phone.application.clock).use { it.run(still, 30, 30, result) }
            val drawn = still.picture.copy(Bitmap.Config.ARGB_8888, true)
            val canvas = TagCanvas(drawn)
            FindingsPainter().draw(canvas, result.findings, RectF(0f, 0f, 300f, 300f), classes, unit = 0.75f, textSize = 9.75f)
            val colours = List(300 * 300) { drawn.getPixel(it % 300, it / 300) }
            for (id in 0 until 6) {
                assertTrue(colours.count { isNear(classes.palette[id], it) } > 100, "Class $id can't be seen on $ground.")
            }
            // Each class's likeliest box has room for its name.
            assertEquals(classes.names.toSet(), canvas.tags.map { it.texts.first().text }.toSet())
            for ((i, tag) in canvas.tags.withIndex()) {
                assertTrue(isWithin(RectF(0f, 0f, 300f, 300f), tag.place), "A tag is at ${tag.place}.")
                for (other in canvas.tags.take(i)) assertFalse(RectF.intersects(other.place, tag.place), "${other.place} and ${tag.place}")
                assertEquals(2, tag.texts.size)
                for (text in tag.texts) {
                    assertTrue(isWithin(tag.place, text.place), "${text.text} is at ${text.place} of ${tag.place}.")
                    assertEquals(0xFF to 0xFF, Color.alpha(tag.colour) to Color.alpha(text.colour))
                    val contrast = contrast(tag.colour, text.colour)
                    assertTrue(contrast >= 4.5f, "$contrast")
                }
            }
        }
    }

    @Test
    fun `the self-check is of boxes`() {
        TestDetector.goldenFile(phone.application).writeBytes(TestGolden.ofBoxes(phone.application.boxes))
        phone.start()
        phone.until("a checked model") { phone.text(R.id.check_line) == "Self-check passed" }
        phone.controller.close()
        TestDetector.goldenFile(phone.application).writeBytes(TestGolden.ofBoxes(listOf(CUP, SPOON, FakeBox(1, 0.9f, 0.1f, 0.6f, 0.3f, 0.9f))))
        phone.start()
        phone.untilNotice("This device computes other boxes")
        assertContains(phone.text(R.id.notice_why), "90.00 % of the boxes have their equal")
    }

    @Test
    fun `labels and boxes take turns where the user chooses another model`() {
        TestModel.install(phone.application)
        showStreet()
        assertContains(phone.legend(), "Cup 1")
        phone.chooseInMenu(TestModel.NAME)
        phone.until("labels") { phone.legend().any { it.startsWith("Sky") && it.endsWith("%") } }
        assertEquals("Opacity of the labels", described(R.id.opacity))
        assertContains(described(R.id.picture), "names the class in the middle")
        phone.chooseInMenu(TestDetector.NAME)
        phone.until("boxes") { phone.legend() == listOf("Cup 1", "Dining table 1", "Spoon 1") }
    }

    private fun edge(box: FakeBox) = phone.colourAt(box.left, (box.top + box.bottom) / 2)

    private fun found(): String = described(R.id.picture).substringAfter("boxes. ").substringBefore(" Double")

    private fun described(id: Int) = phone.view<View>(id).contentDescription.toString()

    private fun colourOf(name: String): Int {
        val manifest = ModelStore(phone.application, "none").list().first { it.name == TestDetector.NAME }.prepare().manifest
        val settings = Settings(phone.application.getSharedPreferences("other", 0)) {}
        return ShownClasses.of(manifest, settings).palette[TestDetector.CLASS_NAMES.indexOf(name)]
    }

    private fun contrast(one: Int, other: Int): Float {
        val (dark, light) = listOf(Color.luminance(one), Color.luminance(other)).sorted()
        return (light + 0.05f) / (dark + 0.05f)
    }

    /** But for rounding. */
    private fun isWithin(around: RectF, place: RectF) = RectF(around).apply { inset(-0.01f, -0.01f) }.contains(place)

    private fun isNear(one: Int, other: Int) =
        listOf(Color::red, Color::green, Color::blue).all { abs(it(one) - it(other)) <= 24 }

    private fun showStreet() {
        phone.start()
        phone.openPicture(streetPicture(300, 400))
        phone.untilLabels()
        phone.settle()
    }

    private fun showSample() {
        phone.start()
        phone.until("a model") { phone.text(R.id.model_line).isNotEmpty() }
        phone.openSample("Coffee")
        phone.untilLabels()
        phone.settle()
    }

    private fun startLive(): FrameReader {
        phone.addCamera("0", CameraCharacteristics.LENS_FACING_BACK, sensorDegrees = 90)
        val camera = phone.startLive()
        val street = BitmapFactory.decodeFile(streetPicture(640, 480).path)
        repeat(2) {
            val image = camera.deliver(street.copy(Bitmap.Config.ARGB_8888, false))
            phone.until("a result") { image.closed }
            phone.settle()
            shadowOf(Looper.getMainLooper()).idleFor(Duration.ofMillis(300))
        }
        return camera
    }

    private class PaintedText(val text: String, val place: RectF, val colour: Int)

    private class Tag(val place: RectF, val colour: Int) {
        val texts = mutableListOf<PaintedText>()
    }

    /** Notes every text that is drawn, by what was drawn under it last. */
    private class TagCanvas(picture: Bitmap) : Canvas(picture) {
        val tags = mutableListOf<Tag>()
        private var under = Tag(RectF(), Color.TRANSPARENT)

        override fun drawRoundRect(rect: RectF, rx: Float, ry: Float, paint: Paint) {
            super.drawRoundRect(rect, rx, ry, paint)
            under = Tag(RectF(rect), paint.color)
        }

        override fun drawText(text: String, start: Int, end: Int, x: Float, y: Float, paint: Paint) {
            super.drawText(text, start, end, x, y, paint)
            note(text.substring(start, end), x, y, paint)
        }

        override fun drawText(text: String, x: Float, y: Float, paint: Paint) {
            super.drawText(text, x, y, paint)
            note(text, x, y, paint)
        }

        private fun note(text: String, x: Float, y: Float, paint: Paint) {
            if (tags.lastOrNull() !== under) tags += under
            val place = RectF(x, y + paint.ascent(), x + paint.measureText(text), y + paint.descent())
            under.texts += PaintedText(text, place, paint.color)
        }
    }

    private companion object {
        // Of the picture of a cup of coffee that comes with the app.
        val CUP = FakeBox(2, 0.97f, 0.28f, 0.04f, 0.7f, 0.78f)
        val SPOON = FakeBox(5, 0.61f, 0.53f, 0.17f, 0.71f, 0.82f)
        val TABLE = FakeBox(4, 0.43f, 0.01f, 0.01f, 0.99f, 0.9f)
        val CROWD = listOf(
            FakeBox(0, 0.95f, 0.05f, 0.2f, 0.35f, 0.7f),
            FakeBox(0, 0.9f, 0.2f, 0.25f, 0.5f, 0.75f),
            FakeBox(0, 0.301f, 0.62f, 0.12f, 0.98f, 0.68f),
            FakeBox(1, 0.88f, 0.4f, 0.65f, 0.75f, 0.82f),
            FakeBox(3, 0.75f, 0.8f, 0.02f, 0.9f, 0.2f),
        )
    }
}
