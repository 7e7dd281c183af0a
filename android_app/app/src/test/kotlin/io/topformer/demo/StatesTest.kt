package io.topformer.demo

import android.content.ComponentCallbacks2
import android.content.pm.PackageManager
import android.graphics.Color
import android.hardware.camera2.CameraCharacteristics
import android.os.Bundle
import android.provider.Settings
import android.widget.TextView
import androidx.lifecycle.ViewModelProvider
import io.topformer.segmenter.SegmenterException
import org.robolectric.Shadows.shadowOf
import org.robolectric.annotation.Config
import org.robolectric.shadows.ShadowDialog
import org.robolectric.shadows.ShadowPopupMenu
import java.io.File
import java.lang.ref.WeakReference
import kotlin.test.BeforeTest
import kotlin.test.Test
import kotlin.test.assertContains
import kotlin.test.assertEquals
import kotlin.test.assertFalse
import kotlin.test.assertNotSame
import kotlin.test.assertTrue

/** What goes wrong, and what comes and goes, while the app is on the screen. */
class StatesTest : AppTest() {
    @BeforeTest
    fun install() = TestModel.install(phone.application)

    @Test
    fun `a refused permission is explained, and leads to the settings`() {
        phone.start()
        refusePermission()
        phone.untilNotice("The camera is not allowed")
        phone.screenshot("permission-refused")
        phone.click(R.id.notice_action)
        assertEquals(Settings.ACTION_APPLICATION_DETAILS_SETTINGS, shadowOf(phone.activity).nextStartedActivity.action)
    }

    @Test
    fun `a picture can be opened without the permission`() {
        phone.start()
        refusePermission()
        phone.openPicture(streetPicture(300, 400))
        phone.untilLabels()
    }

    @Test
    fun `a model that the runtime refuses is a message`() {
        phone.application.refusal = SegmenterException("Error 18.")
        phone.start()
        phone.untilNotice("The model can't be run.")
        assertEquals("Error 18.", phone.text(R.id.notice_why))
    }

    @Test
    fun `a model that fails while it runs is a message`() {
        startWithPicture()
        phone.application.opened.last().failure = SegmenterException("Error 1.")
        // A view of another size wants other labels.
        phone.activity.requireViewById<PictureView>(R.id.picture).onResized(200, 300)
        phone.untilNotice("The model stopped.")
        assertTrue(phone.application.opened.last().closed)
    }

    @Test
    fun `what is on the screen survives its rotation`() {
        startWithPicture()
        val before = phone.text(R.id.model_line)
        val heat = phone.text(R.id.heat_line)
        val legend = phone.view<LegendView>(R.id.legend).getChildAt(0).let { (it as TextView).text.toString() }
        phone.turn(PHONE_ON_ITS_SIDE)
        assertEquals(before, phone.text(R.id.model_line))
        assertEquals(heat, phone.text(R.id.heat_line))
        assertContains(heat, "eat")
        assertEquals(legend, phone.view<LegendView>(R.id.legend).getChildAt(0).let { (it as TextView).text.toString() })
        assertContains(phone.text(R.id.timing_line), "ms")
        assertShownAgain()
        assertEquals(1, phone.application.opened.size)
    }

    @Test
    fun `what is on the screen survives a change of the theme`() {
        startWithPicture()
        phone.turn("+night")
        phone.untilLabels()
        assertShownAgain()
        assertEquals(listOf(false), phone.application.opened.map { it.closed })
    }

    @Test
    fun `an opened picture comes back after the process has died`() {
        startWithPicture()
        val saved = Bundle()
        phone.controller.saveInstanceState(saved).pause().stop().destroy()
        phone.restore(saved)
        phone.untilLabels()
        assertShownAgain()
        assertEquals(2, phone.application.opened.size)
    }

    @Test
    fun `memory is given back in the background, and the model is there again after it`() {
        startWithPicture()
        phone.controller.pause().stop()
        phone.activity.onTrimMemory(ComponentCallbacks2.TRIM_MEMORY_BACKGROUND)
        phone.until("the model closed") { phone.application.opened.last().closed }
        phone.controller.restart().start().resume()
        phone.until("the model open again") { phone.application.opened.size == 2 }
        assertFalse(phone.application.opened.last().closed)
    }

    @Test
    fun `a model that was given back behind its notice is there again when its user goes on`() {
        TestModel.goldenFile(phone.application).writeBytes(TestGolden.of(shift = 1))
        phone.start()
        phone.untilNotice("This device computes other labels")
        phone.controller.pause().stop()
        phone.activity.onTrimMemory(ComponentCallbacks2.TRIM_MEMORY_BACKGROUND)
        phone.until("the model closed") { phone.application.opened.single().closed }
        phone.controller.restart().start().resume()
        phone.click(R.id.notice_action)
        phone.until("the model open again") { phone.application.opened.size == 2 && phone.text(R.id.model_line).isNotEmpty() }
        assertFalse(phone.application.opened.last().closed || phone.isShown(R.id.notice))
    }

    @Test
    @Config(qualifiers = PHONE_ON_ITS_SIDE)
    fun `a picture whose labels came behind a notice is run again when they are seen, and has the time of that`() {
        TestModel.goldenFile(phone.application).writeBytes(TestGolden.of(shift = 1))
        phone.start()
        phone.untilNotice("This device computes other labels")
        phone.openPicture(streetPicture(300, 400))
        // The self-check was the first run.
        phone.until("its labels") { phone.application.opened.single().runs > 1 }
        phone.settle()
        val runs = phone.application.opened.single().runs
        phone.click(R.id.notice_action)
        phone.untilLabels()
        phone.settle()
        assertTrue(phone.application.opened.single().runs > runs)
    }

    @Test
    fun `what was opened over the screen goes with it`() {
        startWithPicture()
        phone.click(R.id.open_picture)
        val pictures = ShadowDialog.getLatestDialog()
        phone.openMenu()
        val menu = ShadowPopupMenu.getLatestPopupMenu()
        assertTrue(pictures.isShowing && shadowOf(menu).isShowing)
        phone.turn(PHONE_ON_ITS_SIDE)
        assertFalse(pictures.isShowing || shadowOf(menu).isShowing)
        phone.click(R.id.about_model)
        val about = ShadowDialog.getLatestDialog()
        assertTrue(about.isShowing)
        phone.turn(PHONE)
        assertFalse(about.isShowing)
    }

    @Test
    fun `a picture that was closed is not kept`() {
        phone.addCamera("0", CameraCharacteristics.LENS_FACING_BACK)
        phone.startLive()
        phone.openPicture(streetPicture(300, 400))
        phone.untilLabels()
        val picture = WeakReference(checkNotNull(ViewModelProvider(phone.activity)[MainViewModel::class.java].still.frame))
        phone.click(R.id.freeze)
        phone.untilLive()
        phone.settle()
        phone.until("its end") {
            System.gc()
            picture.get() == null
        }
    }

    @Test
    fun `a phone without such settings is a message`() {
        phone.start()
        refusePermission()
        phone.untilNotice("The camera is not allowed")
        shadowOf(phone.application).checkActivities(true)
        phone.click(R.id.notice_action)
        phone.untilNotice("No app on this device can do that")
        assertContains(phone.text(R.id.notice_why), "switched off")
        shadowOf(phone.application).checkActivities(false)
        // What the camera lacks is told again.
        val question = shadowOf(phone.activity).lastRequestedPermission
        phone.click(R.id.notice_action)
        assertNotSame(question, shadowOf(phone.activity).lastRequestedPermission)
        refusePermission()
        phone.untilNotice("The camera is not allowed")
    }

    @Test
    fun `a file that is no picture is a message, after which the camera is back`() {
        phone.addCamera("0", CameraCharacteristics.LENS_FACING_BACK)
        val camera = phone.startLive()
        phone.openPicture(File.createTempFile("notes", ".png").apply { writeText("no picture") })
        phone.untilNotice("The picture can't be opened")
        assertEquals("It is no picture that this phone can read, or a damaged one.", phone.text(R.id.notice_why))
        phone.click(R.id.notice_action)
        camera.deliver(halves(Color.GRAY))
        phone.untilLabels()
    }

    @Test
    fun `the model is closed with the screen`() {
        startWithPicture()
        phone.controller.pause().stop().destroy()
        phone.until("the model closed") { phone.application.opened.last().closed }
    }

    private fun startWithPicture() {
        phone.start()
        phone.openPicture(streetPicture(300, 400))
        phone.untilLabels()
    }

    private fun assertShownAgain() {
        phone.tapPicture(0.5f, 0.5f)
        assertEquals("Person", phone.view<PictureView>(R.id.picture).tappedName)
    }

    private fun refusePermission() = phone.answerForCamera(PackageManager.PERMISSION_DENIED)
}
