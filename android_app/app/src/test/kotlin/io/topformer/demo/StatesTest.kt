package io.topformer.demo

import android.content.ComponentCallbacks2
import android.content.Intent
import android.content.pm.PackageManager
import android.hardware.camera2.CameraCharacteristics
import android.hardware.camera2.CameraManager
import android.os.Bundle
import io.topformer.segmenter.SegmenterException
import org.robolectric.Robolectric
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf
import org.robolectric.annotation.Config
import kotlin.test.BeforeTest
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFalse
import kotlin.test.assertTrue

/** What goes wrong, and what comes and goes, while the app is on the screen. */
@Config(qualifiers = PHONE)
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
        assertEquals(android.provider.Settings.ACTION_APPLICATION_DETAILS_SETTINGS, shadowOf(phone.activity).nextStartedActivity.action)
    }

    @Test
    fun `a picture can be opened without the permission`() {
        phone.start()
        refusePermission()
        phone.openPicture(streetPicture(300, 400))
        phone.untilLabels()
    }

    @Test
    fun `a camera that is lost is said to be, and opened again`() {
        startWithCamera()
        val cameras = shadowOf(phone.application.getSystemService(CameraManager::class.java))
        // It is opened on a thread of its own, at some time.
        phone.until("a lost camera") {
            cameras.triggerDisconnect()
            phone.isShown(R.id.notice)
        }
        assertEquals("The camera was lost", phone.text(R.id.notice_what))
        phone.screenshot("camera-lost")
        phone.click(R.id.notice_action)
        assertFalse(phone.isShown(R.id.notice))
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
        phone.activity.requireViewById<SegmentationView>(R.id.picture).onResized(200, 300)
        phone.untilNotice("The model stopped.")
        assertTrue(phone.application.opened.last().closed)
    }

    @Test
    fun `what is on the screen survives its rotation`() {
        startWithPicture()
        val before = phone.text(R.id.model_line)
        RuntimeEnvironment.setQualifiers(PHONE_ON_ITS_SIDE)
        phone.controller.configurationChange()
        phone.untilLabels()
        assertEquals(before, phone.text(R.id.model_line))
        assertEquals(1, phone.application.opened.size)
    }

    @Test
    fun `an opened picture comes back after the process has died`() {
        startWithPicture()
        val saved = Bundle()
        phone.controller.saveInstanceState(saved).pause().stop().destroy()
        phone.restore(saved)
        phone.untilLabels()
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
    fun `the model is closed with the screen`() {
        startWithPicture()
        phone.controller.pause().stop().destroy()
        phone.until("the model closed") { phone.application.opened.last().closed }
    }

    @Test
    fun `a bench writes the runner's document`() {
        val intent = Intent().putExtra("bench", "run-1").putExtra("samples", 3).putExtra("warmups", 2)
        phone.allowCamera()
        val activity = Robolectric.buildActivity(BenchActivity::class.java, intent).setup().get()
        val line = activity.requireViewById<android.widget.TextView>(R.id.bench_line)
        val file = java.io.File(phone.application.getExternalFilesDir(null), "bench/run-1.json")
        phone.until("the bench done") { line.text.contains("Measured") }
        val document = org.json.JSONObject(file.readText())
        assertEquals("topformer.runner/1", document.getString("schema"))
        assertEquals(3, document.getJSONArray("samples").length())
        assertEquals(2, document.getJSONArray("warmups").length())
    }

    @Test
    fun `a bench of a name with a path is refused`() {
        assertEquals(null, BenchRequest.of(Intent().putExtra("bench", "../x")))
        assertEquals(null, BenchRequest.of(Intent().putExtra("bench", "x").putExtra("threads", 0)))
    }

    private fun startWithPicture() {
        phone.start()
        phone.openPicture(streetPicture(300, 400))
        phone.untilLabels()
    }

    private fun startWithCamera() {
        phone.allowCamera()
        phone.addCamera("0", CameraCharacteristics.LENS_FACING_BACK)
        phone.start()
        phone.until("a model") { phone.text(R.id.model_line).isNotEmpty() }
    }

    private fun refusePermission() {
        val permission = arrayOf(android.Manifest.permission.CAMERA)
        phone.activity.onRequestPermissionsResult(1, permission, intArrayOf(PackageManager.PERMISSION_DENIED))
    }
}
