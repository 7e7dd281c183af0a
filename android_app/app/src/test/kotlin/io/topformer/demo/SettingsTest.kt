package io.topformer.demo

import android.graphics.Color
import android.hardware.camera2.CameraCharacteristics
import android.view.View
import android.view.accessibility.AccessibilityEvent
import android.view.accessibility.AccessibilityManager
import android.widget.RadioButton
import android.widget.SeekBar
import androidx.lifecycle.ViewModelProvider
import io.topformer.core.ManifestReader
import io.topformer.core.vividPalette
import org.robolectric.Shadows.shadowOf
import java.util.concurrent.CountDownLatch
import kotlin.test.BeforeTest
import kotlin.test.Test
import kotlin.test.assertContains
import kotlin.test.assertEquals
import kotlin.test.assertFalse
import kotlin.test.assertNotEquals
import kotlin.test.assertNull
import kotlin.test.assertTrue

/** What users set: models, threads, opacity, a place of the picture; and that it is remembered over days. */
class SettingsTest : AppTest() {
    private val other = "another program".toByteArray()
    private val threads = Runtime.getRuntime().availableProcessors()

    @BeforeTest
    fun install() {
        TestModel.install(phone.application)
        val manifest = TestModel.manifest(other).replace("\"variant\": \"tiny\"", "\"variant\": \"small\"")
        TestModel.install(phone.application, other, manifest, name = "zz-small")
        phone.addCamera("0", CameraCharacteristics.LENS_FACING_BACK, sensorDegrees = 90)
        phone.addCamera("1", CameraCharacteristics.LENS_FACING_FRONT, sensorDegrees = 270)
    }

    @Test
    fun `the menu has all models and thread counts, and marks those in use`() {
        startWithPicture()
        val items = phone.openMenu()
        val counts = List(threads) { if (it == 0) "1 thread" else "${it + 1} threads" }
        val titles = listOf(TestModel.NAME, "zz-small", "Threads") + counts + listOf("Add a model…")
        assertEquals(titles, items.map { it.title.toString() })
        val chosen = items.filter { it.isChecked }.map { it.title.toString() }
        assertEquals(listOf(TestModel.NAME, counts[minOf(4, threads) - 1]), chosen)
    }

    @Test
    fun `another model is opened, and the old one closed`() {
        startWithPicture()
        phone.chooseInMenu("zz-small")
        phone.until("the other model") { "small" in phone.text(R.id.model_line) }
        assertEquals(listOf(true, false), phone.application.opened.map { it.closed })
        phone.until("its labels") { phone.application.opened.last().runs == 1 }
        assertEquals(listOf("zz-small"), phone.openMenu().filter { it.isChecked }.map { it.title.toString() }.take(1))
    }

    @Test
    fun `another number of threads opens the model with it`() {
        startWithPicture()
        phone.chooseInMenu("1 thread")
        phone.until("one thread") { phone.application.opened.run { size == 2 && last().threads == 1 } }
        phone.settle()
        assertContains(phone.text(R.id.threads_line), "1 thread")
    }

    @Test
    fun `a screen stays frozen when a model is opened, and its labels are not called by another's names`() {
        val third = "a third program".toByteArray()
        TestModel.install(phone.application, third, TestModel.manifest(third).replace("\"person\"", "\"rider\""), name = "zz-third")
        phone.startLive().deliver(halves(Color.GRAY))
        phone.untilLabels()
        phone.click(R.id.freeze)
        phone.tapPicture(0.5f, 0.5f)
        val picture = phone.view<PictureView>(R.id.picture)
        for ((choice, name) in listOf("1 thread" to "Person", "zz-small" to "Person", "zz-third" to null)) {
            val before = phone.application.opened.size
            phone.chooseInMenu(choice)
            phone.until("it is open") { phone.application.opened.size == before + 1 && phone.text(R.id.model_line).isNotEmpty() }
            phone.settle()
            assertEquals("Frozen", phone.text(R.id.timing_line))
            assertEquals(name, picture.tappedName, choice)
            // Nor can another's classes be chosen by them.
            assertEquals(name != null, phone.isShown(R.id.legend), choice)
        }
        phone.chooseInMenu(TestModel.NAME)
        phone.until("the legend again") { phone.isShown(R.id.legend) }
        assertEquals("Person", picture.tappedName)
    }

    @Test
    fun `what was set is there on another day`() {
        phone.startLive()
        phone.click(R.id.flip)
        phone.chooseInMenu("zz-small")
        phone.chooseInMenu("1 thread")
        phone.until("the chosen model") { phone.application.opened.size == 3 && "small" in phone.text(R.id.model_line) }
        phone.view<SeekBar>(R.id.opacity).progress = 20
        phone.controller.close()
        LiveCamera.reset()
        phone.start()
        phone.until("the chosen model again") { phone.application.opened.size == 4 && "small" in phone.text(R.id.model_line) }
        assertEquals(1, phone.application.opened.last().threads)
        assertEquals(0.2f, phone.view<PictureView>(R.id.picture).opacity)
        phone.untilLive()
        assertEquals(listOf("1"), LiveCamera.openedIds)
        val chosen = phone.openMenu().filter { it.isChecked }.map { it.title.toString() }
        assertEquals(listOf("zz-small", "1 thread"), chosen)
    }

    @Test
    fun `a picture that is gone on another day gives way to the camera`() {
        val picture = streetPicture(300, 400)
        phone.allowCamera()
        phone.start()
        phone.openPicture(picture)
        phone.untilLabels()
        phone.controller.close()
        phone.start()
        phone.untilLabels()
        phone.controller.close()
        picture.delete()
        phone.start()
        phone.untilLive()
        assertFalse(phone.isShown(R.id.notice))
    }

    @Test
    fun `only the picture that is remembered can be read on another day`() {
        val documents = Documents.install()
        val pictures = List(2) { documents.add("street.png", streetPicture(300 + it, 400).readBytes()) }
        phone.allowCamera()
        phone.start()
        fun readable() = phone.application.contentResolver.persistedUriPermissions.map { it.uri }
        for (picture in pictures) {
            main().still.open(picture)
            phone.until("the picture") { main().settings.still == picture && readable() == listOf(picture) }
        }
        // One that comes when another has been asked for is not seen, nor remembered.
        val before = main().still.frame
        for (picture in pictures) main().still.open(picture)
        phone.until("the picture again") { main().still.frame !== before }
        assertEquals(pictures.takeLast(1), readable())
        phone.click(R.id.freeze)
        phone.until("none") { readable().isEmpty() }
    }

    @Test
    fun `a picture that is not given on another day need not be waited for`() {
        val documents = Documents.install()
        val gate = CountDownLatch(1).also { documents.gate = it }
        val picture = documents.add("street.png", streetPicture(300, 400).readBytes())
        phone.application.getSharedPreferences("settings", 0).edit().putString("still", picture.toString()).apply()
        phone.allowCamera()
        phone.start()
        phone.until("a model") { phone.text(R.id.model_line).isNotEmpty() }
        assertEquals("Camera", phone.text(R.id.freeze))
        assertTrue(phone.view<View>(R.id.freeze).isEnabled)
        phone.click(R.id.freeze)
        phone.untilLive()
        gate.countDown()
        phone.settle()
        assertEquals("Freeze", phone.text(R.id.freeze))
    }

    @Test
    fun `a chosen model that is gone gives way to another`() {
        startWithPicture()
        phone.chooseInMenu("zz-small")
        phone.until("the other model") { "small" in phone.text(R.id.model_line) }
        phone.controller.close()
        phone.application.filesDir.resolve("models").listFiles().orEmpty().filter { "zz" in it.name }.forEach { it.delete() }
        phone.start()
        phone.until("a model") { "tiny" in phone.text(R.id.model_line) }
    }

    @Test
    fun `the slider makes labels opaque or takes them away`() {
        startWithPicture()
        val slider = phone.view<SeekBar>(R.id.opacity)
        slider.progress = 100
        val person = phone.colourAt(0.5f, 0.5f)
        assertAlike(classColours(isVivid = true)[5], person)
        slider.progress = 0
        val bare = phone.colourAt(0.5f, 0.5f)
        slider.progress = 50
        val between = phone.colourAt(0.5f, 0.5f)
        for (channel in CHANNELS) {
            assertEquals((channel(person) + channel(bare)) / 2.0, channel(between).toDouble(), 2.0)
        }
        assertNotEquals(person, bare)
    }

    @Test
    fun `the model's own colours can be had, and are remembered`() {
        startWithPicture()
        phone.view<SeekBar>(R.id.opacity).progress = 100
        phone.showDetails()
        phone.click(R.id.palette_own)
        phone.showDetails(false)
        assertAlike(classColours(isVivid = false)[5], phone.colourAt(0.5f, 0.5f))
        phone.controller.close()
        phone.start()
        phone.untilLabels()
        assertTrue(phone.view<RadioButton>(R.id.palette_own).isChecked)
        assertAlike(classColours(isVivid = false)[5], phone.colourAt(0.5f, 0.5f))
    }

    @Test
    fun `a tap names the class there, and one beside the picture none`() {
        startWithPicture()
        val view = phone.view<PictureView>(R.id.picture)
        assertNull(view.tappedName)
        phone.tapPicture(0.5f, 0.25f)
        assertEquals("Sky", view.tappedName)
        phone.tapPicture(0.8f, 0.8f)
        assertEquals("Car", view.tappedName)
        phone.tapPicture(0.5f, -0.05f)
        assertNull(view.tappedName)
    }

    @Test
    fun `a screen reader's click says the class in the middle`() {
        startWithPicture()
        val manager = phone.application.getSystemService(AccessibilityManager::class.java)!!
        shadowOf(manager).setEnabled(true)
        phone.click(R.id.picture)
        val said = shadowOf(manager).sentAccessibilityEvents.filter { it.eventType == AccessibilityEvent.TYPE_ANNOUNCEMENT }
        assertEquals(listOf("Person"), said.flatMap { it.text }.map { it.toString() })
    }

    /** Within one level: in the overlay's memory colours are multiplied by an alpha of a half. */
    private fun assertAlike(expected: Int, found: Int) {
        for (channel in CHANNELS) assertEquals(channel(expected).toDouble(), channel(found).toDouble(), 1.0)
    }

    private fun classColours(isVivid: Boolean): List<Int> {
        val own = ManifestReader.read(TestModel.manifest().toByteArray()).palette
        return (if (isVivid) vividPalette(own) else own).toList()
    }

    private fun main() = ViewModelProvider(phone.activity)[MainViewModel::class.java]

    private fun startWithPicture() {
        phone.start()
        phone.openPicture(streetPicture(300, 400))
        phone.untilLabels()
        phone.settle()
    }

    private companion object {
        val CHANNELS = listOf<(Int) -> Int>(Color::red, Color::green, Color::blue)
    }
}
