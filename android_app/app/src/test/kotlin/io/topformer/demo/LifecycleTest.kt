package io.topformer.demo

import android.content.ComponentCallbacks2
import android.graphics.Color
import android.hardware.camera2.CameraCharacteristics
import android.hardware.display.DisplayManager
import android.view.Display
import android.view.Surface
import android.widget.SeekBar
import org.robolectric.Shadows.shadowOf
import org.robolectric.shadows.ShadowDisplayManager
import java.util.concurrent.CountDownLatch
import java.util.concurrent.Semaphore
import java.util.concurrent.TimeUnit
import java.util.concurrent.atomic.AtomicReference
import kotlin.test.BeforeTest
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertFalse
import kotlin.test.assertNull
import kotlin.test.assertTrue

/** What is begun on one thread while another gives it back. */
class LifecycleTest : AppTest() {
    @BeforeTest
    fun install() {
        TestModel.install(phone.application)
        phone.addCamera("0", CameraCharacteristics.LENS_FACING_BACK, sensorDegrees = 90)
    }

    @Test
    fun `the camera is given back while a frame of it is run`() {
        val camera = phone.startLive()
        val preview = checkNotNull(LiveCamera.preview)
        val gate = Semaphore(0).also { phone.application.opened.last().gate = it }
        val image = camera.deliver(halves(Color.GRAY))
        phone.until("a run") { gate.hasQueuedThreads() }
        phone.controller.pause().stop()
        phone.until("a camera that was given back") { !LiveCamera.isHeld && camera.closed }
        assertTrue(image.closed && preview.closed)
        gate.release(10)
        phone.settle()
        assertEquals(1, phone.application.opened.single().runs)
    }

    @Test
    fun `a frame that comes while the camera is given back is nobody's affair`() {
        val camera = phone.startLive()
        val crash = AtomicReference<Throwable>()
        phone.application.cameras.handler.looper.thread.setUncaughtExceptionHandler { _, error -> crash.set(error) }
        val goOn = holdCameraThread()
        phone.controller.pause().stop()
        camera.deliver(halves(Color.GRAY))
        val done = CountDownLatch(1)
        phone.application.cameras.handler.post(done::countDown)
        goOn.countDown()
        phone.until("all that waited for the camera's thread") { done.count == 0L || crash.get() != null }
        assertNull(crash.get())
        assertFalse(LiveCamera.isHeld)
    }

    @Test
    fun `a camera is opened after the one before was given back, also where that was still being opened`() {
        phone.addCamera("1", CameraCharacteristics.LENS_FACING_FRONT, sensorDegrees = 270)
        phone.startLive()
        val goOn = holdCameraThread()
        repeat(2) { phone.click(R.id.flip) }
        goOn.countDown()
        phone.until("the first camera again") { LiveCamera.openedIds == listOf("0", "1", "0") && LiveCamera.running.size == 1 }
        assertFalse(phone.isShown(R.id.notice))
    }

    @Test
    fun `a camera that is being opened while the app is closed is given back`() {
        phone.addCamera("1", CameraCharacteristics.LENS_FACING_FRONT, sensorDegrees = 270)
        phone.startLive()
        val goOn = holdCameraThread()
        phone.click(R.id.flip)
        phone.controller.close()
        goOn.countDown()
        phone.until("the other camera given back") { LiveCamera.openedIds == listOf("0", "1") && !LiveCamera.isHeld }
    }

    @Test
    fun `an app that is opened while it is closed waits for its own camera`() {
        phone.startLive()
        val before = phone.controller
        val goOn = holdCameraThread()
        // Android stops and destroys a screen after the next one is there.
        before.get().finish()
        before.pause()
        phone.start()
        before.stop().destroy()
        goOn.countDown()
        phone.until("the camera again") { LiveCamera.openedIds == listOf("0", "0") && LiveCamera.running.size == 1 }
        phone.settle()
        assertFalse(phone.isShown(R.id.notice))
    }

    @Test
    fun `a picture's place is not given back while a camera that was stopped may draw there`() {
        phone.startLive()
        phone.until("a place") { LiveCamera.preview?.output != null }
        val place = checkNotNull(LiveCamera.preview?.output)
        val goOn = holdCameraThread()
        phone.controller.close()
        assertFalse(place.isReleased)
        goOn.countDown()
        phone.until("a place that was given back") { place.isReleased }
    }

    @Test
    fun `a model that is released while it is opened is not taken for open`() {
        val opening = CountDownLatch(1)
        val goOn = CountDownLatch(1)
        phone.application.onOpen = {
            opening.countDown()
            goOn.await(10, TimeUnit.SECONDS)
        }
        phone.start()
        assertTrue(opening.await(10, TimeUnit.SECONDS))
        phone.controller.pause().stop()
        phone.activity.onTrimMemory(ComponentCallbacks2.TRIM_MEMORY_BACKGROUND)
        goOn.countDown()
        phone.until("the model closed") { phone.application.opened.singleOrNull()?.closed == true }
        phone.settle()
        assertEquals("", phone.text(R.id.model_line))
        phone.controller.restart().start().resume()
        phone.until("the model open") { phone.text(R.id.model_line).isNotEmpty() }
        assertFalse(phone.application.opened.last().closed)
    }

    // Newer Androids no longer say the first, older ones do.
    @Suppress("DEPRECATION")
    @Test
    fun `memory that is short in use takes no model away`() {
        phone.start()
        phone.until("a model") { phone.text(R.id.model_line).isNotEmpty() }
        phone.activity.onTrimMemory(ComponentCallbacks2.TRIM_MEMORY_RUNNING_CRITICAL)
        phone.activity.onTrimMemory(ComponentCallbacks2.TRIM_MEMORY_UI_HIDDEN)
        phone.settle()
        assertFalse(phone.application.opened.single().closed)
    }

    @Test
    fun `frames stay upright when the screen is turned upside down, of which the activity does not hear`() {
        val camera = phone.startLive()
        phone.view<SeekBar>(R.id.opacity).progress = 0
        val display = phone.application.getSystemService(DisplayManager::class.java)!!.getDisplay(Display.DEFAULT_DISPLAY)
        ShadowDisplayManager.changeDisplay(display.displayId, "+land")
        shadowOf(display).setRotation(Surface.ROTATION_180)
        phone.settle()
        camera.deliver(halves(above = Color.BLACK, below = Color.WHITE))
        phone.until("a frame turned by 270 degrees") {
            val sides = listOf(0.3f, 0.7f).map { Color.green(phone.colourAt(it, 0.5f)) }
            sides == listOf(0, 255)
        }
    }

    @Test
    fun `a model that fails in a way nobody thought of is a message`() {
        phone.application.refusal = IllegalStateException("quite odd")
        phone.start()
        phone.untilNotice("The model can't be run.")
        assertTrue("quite odd" in phone.text(R.id.notice_why))
    }

    @Test
    fun `a model that is refused does not replace the one of its name`() {
        val store = ModelStore(phone.application, "none")
        val before = store.list().single().prepare().manifest.fileSha256
        val bad = mapOf(
            "${TestModel.NAME}.pte" to { "another".byteInputStream() },
            "${TestModel.NAME}.json" to { TestModel.manifest().byteInputStream() },
        )
        assertFailsWith<io.topformer.core.ManifestException> { store.add(bad) }
        assertEquals(before, store.list().single().prepare().manifest.fileSha256)
    }

    /** Lets the camera's thread do nothing till what is returned is counted down. */
    private fun holdCameraThread(): CountDownLatch {
        val goOn = CountDownLatch(1)
        phone.application.cameras.handler.post { goOn.await(10, TimeUnit.SECONDS) }
        return goOn
    }
}
