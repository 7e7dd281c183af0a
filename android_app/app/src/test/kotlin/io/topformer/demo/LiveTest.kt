package io.topformer.demo

import android.graphics.Color
import android.hardware.camera2.CameraCharacteristics
import android.view.View
import android.widget.SeekBar
import androidx.lifecycle.ViewModelProvider
import java.util.concurrent.CountDownLatch
import java.util.concurrent.Semaphore
import java.util.concurrent.TimeUnit
import kotlin.test.BeforeTest
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFalse
import kotlin.test.assertNotEquals
import kotlin.test.assertTrue

/** Frames on their way from the camera to the screen. */
class LiveTest : AppTest() {
    @BeforeTest
    fun install() {
        TestModel.install(phone.application)
        phone.addCamera("0", CameraCharacteristics.LENS_FACING_BACK, sensorDegrees = 90)
        phone.addCamera("1", CameraCharacteristics.LENS_FACING_FRONT, sensorDegrees = 270)
    }

    @Test
    fun `a frame is shown upright, with labels over it`() {
        val camera = phone.startLive()
        val image = camera.deliver(halves(above = Color.BLACK, below = Color.WHITE))
        phone.untilLabels()
        assertTrue(image.closed)
        assertTrue(phone.colourAt(0.3f, 0.5f) !in setOf(Color.BLACK, Color.WHITE), "There are no labels.")
        hideLabels()
        // Turned clockwise, what the sensor sees above is on the right.
        assertEquals(listOf(WHITE, BLACK), sides())
    }

    @Test
    fun `of the frames that wait the newest is run, and all are closed`() {
        val camera = phone.startLive()
        val model = phone.application.opened.last()
        val gate = Semaphore(0).also { model.gate = it }
        val first = camera.deliver(halves(grey(40)))
        phone.until("a run") { gate.hasQueuedThreads() }
        val later = List(6) { number ->
            camera.deliver(halves(grey(100 + 20 * number))).also { camera.untilTaken() }
        }
        // Each was prepared while the model ran.
        assertTrue((later + first).all { it.closed })
        gate.release(10)
        hideLabels()
        phone.until("the newest frame") { isGrey(200, phone.colourAt(0.5f, 0.5f)) }
        assertEquals(2, model.runs)
        assertEquals(1, camera.mostAcquired)
    }

    @Test
    fun `the picture moves at the camera's rate, and each frame that is run is seen with its own labels`() {
        val camera = phone.startLive()
        val preview = checkNotNull(LiveCamera.preview)
        val times = List(5) { FIRST_NS + it * PERIOD_NS }
        val gate = threeWhileTheModelWaits(camera)
        assertEquals(emptyList(), preview.shownNs, "It does not wait for its labels.")
        gate.release()
        phone.until("the first frame") { preview.shownNs == times.take(1) && gate.hasQueuedThreads() }
        // The model has the third now: the second will have no labels, and fills the time.
        camera.deliver(halves(grey(120)))
        phone.until("the second frame") { preview.shownNs == times.take(2) }
        camera.deliver(halves(grey(120)))
        camera.untilTaken()
        assertEquals(times.take(2), preview.shownNs)
        gate.release()
        phone.until("the third frame") { preview.shownNs == times.take(3) }
        gate.release(10)
        phone.until("the newest frame") { preview.shownNs.last() == times.last() }
    }

    @Test
    fun `a frozen screen keeps what it shows, and goes on when it is asked to`() {
        val camera = phone.startLive()
        hideLabels()
        show(camera, 60)
        val runs = phone.application.opened.last().runs
        phone.click(R.id.freeze)
        assertEquals("Resume", phone.text(R.id.freeze))
        val dropped = camera.deliver(halves(grey(180)))
        phone.until("a dropped frame") { dropped.closed }
        phone.settle()
        assertTrue(isGrey(60, phone.colourAt(0.5f, 0.5f)))
        assertEquals(runs, phone.application.opened.last().runs)
        phone.click(R.id.freeze)
        assertEquals("Freeze", phone.text(R.id.freeze))
        show(camera, 120)
    }

    @Test
    fun `a picture is frozen under its own labels, though a later one was on the screen, and goes on with a new one`() {
        val camera = phone.startLive()
        val preview = checkNotNull(LiveCamera.preview)
        val times = List(5) { FIRST_NS + it * PERIOD_NS }
        val gate = threeWhileTheModelWaits(camera)
        gate.release()
        phone.until("the first frame") { preview.shownNs == times.take(1) && gate.hasQueuedThreads() }
        // The second has no labels.
        camera.deliver(halves(grey(120)))
        phone.until("the second frame") { preview.shownNs == times.take(2) }
        phone.click(R.id.freeze)
        phone.until("the first frame again") { preview.shownNs == times.take(2) + times[0] }
        gate.release(10)
        phone.settle()
        phone.click(R.id.freeze)
        camera.deliver(halves(grey(160)))
        phone.until("a new frame") { preview.shownNs.last() == times.last() }
        assertEquals(times.take(2) + times[0] + times.last(), preview.shownNs)
    }

    @Test
    fun `behind what it is shared with the picture goes on, and a frozen one stays`() {
        val camera = phone.startLive()
        hideLabels()
        show(camera, 60)
        phone.controller.pause()
        show(camera, 120)
        phone.controller.resume()
        phone.click(R.id.freeze)
        phone.controller.pause()
        phone.settle()
        phone.controller.resume()
        assertEquals("Resume", phone.text(R.id.freeze))
        assertTrue(isGrey(120, phone.colourAt(0.5f, 0.5f)))
        assertFalse(camera.closed)
    }

    @Test
    fun `a frozen picture that was left gives way to the camera`() {
        val before = phone.startLive()
        hideLabels()
        show(before, 60)
        phone.click(R.id.freeze)
        phone.controller.pause().stop()
        phone.controller.restart().start().resume()
        assertEquals("Freeze", phone.text(R.id.freeze))
        show(phone.untilLive(before), 120)
    }

    @Test
    fun `a frozen picture stays under its labels when the screen is turned`() {
        val camera = phone.startLive()
        hideLabels()
        camera.deliver(halves(above = Color.BLACK, below = Color.WHITE))
        phone.until("a frame") { sides() == listOf(WHITE, BLACK) }
        phone.click(R.id.freeze)
        phone.layOnSide()
        phone.turn(PHONE_ON_ITS_SIDE)
        phone.settle()
        assertEquals(listOf(WHITE, BLACK), sides())
        phone.click(R.id.freeze)
        camera.deliver(halves(above = Color.BLACK, below = Color.WHITE))
        phone.until("a frame of the screen as it is") { isGrey(BLACK, phone.colourAt(0.5f, 0.3f)) }
    }

    @Test
    fun `what was before a pause, or seen elsewhere, is not in the times`() {
        val first = phone.startLive()
        val times = times()
        hideLabels()
        repeat(3) { show(first, 60 + 20 * it) }
        assertTrue(times.whole.count >= 3)
        phone.click(R.id.freeze)
        phone.click(R.id.freeze)
        assertEquals(0, times.whole.count)
        show(first, 60)
        phone.controller.pause().stop()
        phone.controller.restart().start().resume()
        assertEquals(0, times.whole.count)
        val second = phone.untilLive(first)
        show(second, 90)
        phone.click(R.id.flip)
        assertEquals(0, times.whole.count)
        show(phone.untilLive(second), 60)
        phone.openPicture(streetPicture(300, 400))
        untilPicture()
        assertEquals(1, times.whole.count)
        assertEquals(0.0, times.rate.perSecond)
    }

    @Test
    fun `a frame whose labels come, or are drawn, only when the app was left is not in the times`() {
        val camera = phone.startLive()
        val gate = Semaphore(0).also { phone.application.opened.last().gate = it }
        camera.deliver(halves(grey(60)))
        phone.until("a run") { gate.hasQueuedThreads() }
        phone.controller.pause().stop()
        gate.release(10)
        comeBack()
        assertEquals(0, times().whole.count)
        phone.application.drawing.goesOn = false
        val second = phone.untilLive(camera)
        second.deliver(halves(grey(90)))
        phone.until("labels") { phone.application.opened.last().runs == 2 }
        phone.settle()
        phone.controller.pause().stop()
        comeBack()
        assertEquals(0, times().whole.count)
        hideLabels()
        show(phone.untilLive(second), 120)
        assertEquals(1, times().whole.count)
    }

    @Test
    fun `frames a second are counted over no time in which a notice was shown or another camera was opened`() {
        val first = phone.startLive()
        hideLabels()
        show(first, 60)
        main().tellOnce(R.string.no_app, "")
        assertEquals(0, times().whole.count)
        phone.click(R.id.notice_action)
        show(first, 90)
        assertEquals(1, times().whole.count)
        val gate = Semaphore(0).also { phone.application.opened.last().gate = it }
        first.deliver(halves(grey(120)))
        phone.until("a run") { gate.hasQueuedThreads() }
        val held = CountDownLatch(1)
        phone.application.cameras.handler.post { held.await(10, TimeUnit.SECONDS) }
        phone.click(R.id.flip)
        gate.release(10)
        phone.until("labels of the camera before") { times().whole.count == 1 }
        held.countDown()
        phone.until("the camera before given back") { first.closed }
        val second = phone.untilLive()
        assertEquals(0, times().whole.count)
        second.deliver(halves(grey(150)))
        phone.until("the other camera's labels") { times().whole.count == 1 }
    }

    @Test
    fun `times are of what was drawn, though another result came before the system had the drawing`() {
        val camera = phone.startLive()
        val drawing = phone.application.drawing
        drawing.tells = false
        camera.deliver(halves(grey(60)))
        phone.until("a drawing") { drawing.isUntold }
        drawing.goesOn = false
        camera.deliver(halves(grey(90)))
        phone.until("another result") { shown().timestampNs == FIRST_NS + PERIOD_NS }
        drawing.tells = true
        phone.settle()
        assertEquals(1, times().whole.count)
        // By the tests' clock it waited for all that the second one took.
        assertTrue(times().whole.p50Ms > 40, "${times().whole.p50Ms}")
        drawing.goesOn = true
        phone.settle()
        assertEquals(2, times().whole.count)
    }

    @Test
    fun `an opened picture whose labels came while the app was left is run again, and has the time of that`() {
        phone.start()
        phone.until("a model") { phone.text(R.id.model_line).isNotEmpty() }
        val model = phone.application.opened.last()
        val gate = Semaphore(0).also { model.gate = it }
        phone.openPicture(streetPicture(300, 400))
        phone.until("a run") { gate.hasQueuedThreads() }
        phone.controller.pause().stop()
        gate.release(10)
        phone.settle()
        val runs = model.runs
        comeBack()
        phone.untilLabels()
        assertTrue(model.runs > runs)
    }

    @Test
    fun `an opened picture keeps its time while the app is left`() {
        phone.start()
        phone.openPicture(streetPicture(300, 400))
        phone.untilLabels()
        phone.settle()
        val before = phone.text(R.id.timing_line)
        phone.controller.pause().stop()
        phone.controller.restart().start().resume()
        phone.settle()
        assertEquals(before, phone.text(R.id.timing_line))
    }

    @Test
    fun `an opened picture stays where it is until the camera's first labels are there`() {
        phone.startLive()
        phone.openPicture(streetPicture(300, 400))
        untilPicture()
        val corners = corners()
        phone.click(R.id.freeze)
        val camera = phone.untilLive()
        phone.settle()
        assertEquals(corners, corners())
        hideLabels()
        show(camera, 120)
        assertNotEquals(corners, corners())
    }

    @Test
    fun `the other camera is opened, and mirrored if it looks at the user`() {
        val back = phone.startLive()
        hideLabels()
        show(back, 60)
        phone.click(R.id.flip)
        phone.until("the other camera") { back.closed && LiveCamera.running.size == 1 }
        assertEquals(listOf("0", "1"), LiveCamera.openedIds)
        // Turned by 270 degrees, the sensor's upper half is on the left; mirrored, on the right.
        phone.untilLive().deliver(halves(above = Color.BLACK, below = Color.WHITE))
        phone.until("the front camera's frame") { sides() == listOf(WHITE, BLACK) }
        phone.click(R.id.flip)
        phone.until("the first camera again") { LiveCamera.openedIds.last() == "0" && LiveCamera.running.size == 1 }
    }

    @Test
    fun `the camera is given back in the background, and opened again after it`() {
        val before = phone.startLive()
        hideLabels()
        show(before, 60)
        phone.controller.pause().stop()
        phone.until("a closed camera") { before.closed }
        phone.controller.restart().start().resume()
        val after = phone.untilLive()
        assertFalse(after === before)
        show(after, 120)
    }

    @Test
    fun `an opened picture takes the camera's place until it is wanted back`() {
        val before = phone.startLive()
        hideLabels()
        show(before, 60)
        phone.openPicture(streetPicture(300, 400))
        phone.until("the picture") { before.closed && Color.red(phone.colourAt(0.5f, 0.5f)) > 200 }
        assertEquals("Camera", phone.text(R.id.freeze))
        assertFalse(phone.view<View>(R.id.flip).isEnabled)
        phone.click(R.id.freeze)
        show(phone.untilLive(), 120)
        assertEquals("Freeze", phone.text(R.id.freeze))
        assertTrue(phone.view<View>(R.id.flip).isEnabled)
    }

    @Test
    fun `frames stay upright when the screen is turned, without another start of the camera`() {
        val camera = phone.startLive()
        hideLabels()
        show(camera, 60)
        phone.layOnSide()
        phone.turn(PHONE_ON_ITS_SIDE)
        camera.deliver(halves(above = Color.BLACK, below = Color.WHITE))
        phone.until("a frame that is not turned") {
            isGrey(BLACK, phone.colourAt(0.5f, 0.3f)) && isGrey(WHITE, phone.colourAt(0.5f, 0.7f))
        }
        assertEquals(listOf("0"), LiveCamera.openedIds)
        assertEquals(1, phone.application.opened.size)
    }

    @Test
    fun `nothing is held when the app is closed within a frame`() {
        val camera = phone.startLive()
        val model = phone.application.opened.last()
        val gate = Semaphore(0).also { model.gate = it }
        val images = List(2) { camera.deliver(halves(grey(60))).also { camera.untilTaken() } }
        phone.until("a run") { gate.hasQueuedThreads() }
        phone.controller.close()
        gate.release(10)
        phone.until("all given back") { images.all { it.closed } && camera.closed && model.closed }
    }

    /** Three frames, of which the model has the first until the gate is opened. */
    private fun threeWhileTheModelWaits(camera: FrameReader): Semaphore {
        val gate = Semaphore(0).also { phone.application.opened.last().gate = it }
        camera.deliver(halves(grey(40)))
        phone.until("a run") { gate.hasQueuedThreads() }
        repeat(2) { camera.deliver(halves(grey(80))) }
        camera.untilTaken()
        return gate
    }

    private fun times() = main().times

    private fun shown() = checkNotNull(main().shown)

    private fun main() = ViewModelProvider(phone.activity)[MainViewModel::class.java]

    private fun comeBack() {
        phone.settle()
        phone.controller.restart().start().resume()
        phone.settle()
    }

    private fun show(camera: FrameReader, level: Int) {
        camera.deliver(halves(grey(level)))
        phone.until("a frame of grey $level") { isGrey(level, phone.colourAt(0.5f, 0.5f)) }
    }

    private fun untilPicture() {
        phone.until("an opened picture") { phone.text(R.id.freeze) == "Camera" && LiveCamera.running.isEmpty() }
        phone.settle()
    }

    private fun corners() = phone.view<PictureView>(R.id.picture).run { listOf(placeOf(0f, 0f), placeOf(1f, 1f)) }

    private fun hideLabels() {
        phone.view<SeekBar>(R.id.opacity).progress = 0
    }

    /** The grey levels left and right of the middle. */
    private fun sides(): List<Int> = listOf(0.3f, 0.7f).map { Color.green(phone.colourAt(it, 0.5f)) }

    private fun grey(level: Int) = Color.rgb(level, level, level)

    private fun isGrey(level: Int, colour: Int) = Color.green(colour) in level - 1..level + 1

    private companion object {
        const val BLACK = 0
        const val WHITE = 255

        // Of LiveCamera's clock.
        const val PERIOD_NS = 33_333_333L
        const val FIRST_NS = 5_000_000_000L + PERIOD_NS
    }
}
