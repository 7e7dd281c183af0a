package io.topformer.demo

import android.content.Intent
import android.graphics.Bitmap
import android.graphics.Canvas
import android.graphics.Color
import android.os.Looper
import android.widget.TextView
import io.topformer.core.BoxDecoder
import io.topformer.core.Boxes
import io.topformer.core.ManifestReader
import io.topformer.core.Preprocessor
import io.topformer.segmenter.SegmenterException
import org.json.JSONObject
import org.robolectric.Robolectric
import org.robolectric.Shadows.shadowOf
import org.robolectric.android.controller.ActivityController
import org.robolectric.annotation.Config
import java.io.File
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.nio.FloatBuffer
import java.security.MessageDigest
import java.time.Duration
import java.util.concurrent.CountDownLatch
import java.util.concurrent.TimeUnit
import kotlin.math.abs
import kotlin.test.BeforeTest
import kotlin.test.Test
import kotlin.test.assertContains
import kotlin.test.assertEquals
import kotlin.test.assertFalse
import kotlin.test.assertTrue

/** Whoever starts a bench gets a whole document, or the screen says why not. */
class BenchTest : AppTest() {
    private lateinit var bench: ActivityController<BenchActivity>
    private val line get() = bench.get().requireViewById<TextView>(R.id.bench_line).text.toString()
    private val folder get() = File(phone.application.getExternalFilesDir(null), "bench")

    @BeforeTest
    fun installModel() = TestModel.install(phone.application)

    @Test
    fun `the document is the runner's`() {
        val text = measure(Intent().putExtra("samples", 3).putExtra("warmups", 2).putExtra("threads", 2))
        val document = JSONObject(text)
        assertEquals("topformer.runner/1", document["schema"])
        assertEquals(3, document.getJSONArray("samples").length())
        assertEquals(2, document.getJSONArray("warmups").length())
        assertEquals(2, document["threads"])
        assertEquals(ManifestReader.read(TestModel.manifest().toByteArray()).fileSha256, document["model_sha256"])
        assertEquals("[[1,6,8,8]]", document["output_shapes"].toString())
        val picture = document.getJSONObject("picture")
        assertEquals(listOf(480, 640, "yuv"), listOf("height", "width", "format").map(picture::get))
        // For the reader in Python, whose test takes these very bytes.
        val kept = File(System.getProperty("bench") ?: "build/bench", "run.json")
        kept.parentFile?.mkdirs()
        kept.writeText(text)
    }

    @Test
    fun `a detector is measured, and its boxes are the runner's bytes`() {
        TestDetector.install(phone.application)
        phone.application.boxes = listOf(FakeBox(2, 0.75f, 0.25f, 0.25f, 0.5f, 0.5f))
        val document = JSONObject(measure(Intent().putExtra("samples", 2).putExtra("model", TestDetector.NAME)))
        assertEquals("[[1,6,12,12],[1,4,12,12]]", document["output_shapes"].toString())
        val manifest = ManifestReader.read(TestDetector.manifest().toByteArray())
        val boxes = Boxes(100)
        val outputs = FakeDetector(manifest) { phone.application.boxes }.run(0)
        with(manifest) { BoxDecoder(checkNotNull(detection), classCount, inputHeight, inputWidth) }.decode(outputs, boxes)
        val record = ByteBuffer.allocate(24).order(ByteOrder.LITTLE_ENDIAN)
        for (side in 0 until 4) record.putFloat(boxes.corners[side])
        record.putFloat(boxes.scores[0]).putInt(2)
        assertEquals(1, boxes.size)
        assertEquals(sha256(record.array()), document["result_sha256"])
        val bytes = ByteBuffer.allocate(4 * 10 * 144).order(ByteOrder.LITTLE_ENDIAN)
        for (output in outputs) for (value in output) bytes.putFloat(value)
        assertEquals(sha256(bytes.array()), document["outputs_sha256"])
    }

    private fun sha256(bytes: ByteArray) =
        MessageDigest.getInstance("SHA-256").digest(bytes).joinToString("") { "%02x".format(it) }

    @Test
    fun `its frames show the picture as the live ones do`() {
        val pixels = IntArray(64 * 64) { Color.rgb(4 * (it % 64), 4 * (it / 64), 255 - 4 * (it % 64)) }
        val preprocessor = Preprocessor(64, 64, FloatArray(3), FloatArray(3) { 1f })
        val (camera, file) = List(2) { FloatBuffer.allocate(3 * 64 * 64) }
        preprocessor.fromYuv(benchFrame(pixels, 64, 64), BENCH_TURN_DEGREES, mirror = false, camera)
        preprocessor.fromArgb(pixels, 64, 64, file)
        val furthest = (0 until 3 * 64 * 64).maxOf { abs(camera.get(it) - file.get(it)) }
        assertTrue(furthest < 8, "$furthest grey levels apart.")
    }

    @Test
    fun `counts that can't be measured leave a refusal`() {
        for (extra in listOf("threads" to 0, "threads" to 65, "samples" to 0, "warmups" to -1, "samples" to 100_001)) {
            assertFailed("usage", "samples from 1", measure(Intent().putExtra(extra.first, extra.second)))
        }
    }

    @Test
    fun `without a usable name only the screen can tell`() {
        for (name in listOf("../x", "", "a/b", "a.b", "x".repeat(65))) {
            start(Intent().putExtra("bench", name))
            assertContains(line, "topformer bench")
        }
        assertFalse(folder.exists())
    }

    @Test
    fun `a name that is no model's is answered with those there are`() =
        assertFailed("model-refused", TestModel.NAME, measure(Intent().putExtra("model", "other")))

    @Test
    fun `a damaged golden file is a refusal`() {
        TestModel.goldenFile(phone.application).writeBytes(ByteArray(200))
        assertFailed("model-refused", "does not begin as one", measure())
    }

    @Test
    fun `a right answer is measured, and a wrong one refused`() {
        TestModel.goldenFile(phone.application).writeBytes(TestGolden.of())
        assertEquals("topformer.runner/1", JSONObject(measure())["schema"])
        TestModel.goldenFile(phone.application).writeBytes(TestGolden.of(shift = 1))
        assertFailed("model-refused", "are needed", measure())
    }

    @Test
    fun `a model that is refused, fails or is too large leaves a failure, and so does what nobody thought of`() {
        phone.application.refusal = SegmenterException("Error 18.")
        assertFailed("model-refused", "Error 18.", measure())
        phone.application.refusal = IllegalStateException("\"\u0000\uD800 quite odd")
        assertFailed("crashed", "quite odd", measure())
        phone.application.refusal = OutOfMemoryError("400 MB")
        assertFailed("memory", "400 MB", measure())
        phone.application.refusal = StackOverflowError("deep")
        assertFailed("crashed", "deep", measure())
    }

    @Test
    fun `what was measured while the app was left is not told`() {
        val measuring = CountDownLatch(1)
        val left = CountDownLatch(1)
        phone.application.onOpen = {
            measuring.countDown()
            left.await(10, TimeUnit.SECONDS)
        }
        start(Intent().putExtra("bench", "run").putExtra("samples", 1))
        assertTrue(measuring.await(10, TimeUnit.SECONDS))
        bench.topActivityResumed(false).pause()
        left.countDown()
        assertFailed("background", "not in front", finish())
    }

    @Test
    fun `a locked screen is not waited for without end`() {
        bench = Robolectric.buildActivity(BenchActivity::class.java, Intent().putExtra("bench", "run"))
        bench.create().start().resume()
        shadowOf(Looper.getMainLooper()).idleFor(Duration.ofSeconds(30))
        assertFailed("background", "locked", finish())
        assertEquals(0, phone.application.opened.size)
    }

    @Test
    fun `where nothing can be written the screen says why`() {
        folder.writeText("in the way")
        start(Intent().putExtra("bench", "run").putExtra("samples", 1))
        until("an answer") { line.contains("can't be written. $folder") }
    }

    @Test
    @Config(application = StoragelessApplication::class)
    fun `without storage the screen says so`() {
        start(Intent().putExtra("bench", "run").putExtra("samples", 1))
        until("an answer") { line.contains("can't be written. There is no shared storage.") }
    }

    @Test
    fun `what the screen says can be read`() {
        start(Intent())
        val view = bench.get().window.decorView
        val screen = Bitmap.createBitmap(view.width, view.height, Bitmap.Config.ARGB_8888).also { view.draw(Canvas(it)) }
        val letters = bench.get().requireViewById<TextView>(R.id.bench_line).currentTextColor
        val (dark, bright) = listOf(screen.getPixel(view.width / 2, 40), letters).map { Color.luminance(it) }.sorted()
        // Contrast as WCAG 2 has it: 4.5 to 1 for text of any size.
        assertTrue((bright + 0.05f) / (dark + 0.05f) >= 4.5f, "$dark on $bright")
    }

    private fun start(intent: Intent) {
        bench = Robolectric.buildActivity(BenchActivity::class.java, intent).setup()
    }

    private fun measure(intent: Intent = Intent().putExtra("samples", 1)): String {
        start(intent.putExtra("bench", "run"))
        return finish()
    }

    private fun finish(): String {
        until("the bench done") { line.contains("Measured") }
        return File(folder, "run.json").readText().also { File(folder, "run.json").delete() }
    }

    private fun until(what: String, isSo: () -> Boolean) {
        val deadline = System.nanoTime() + Duration.ofSeconds(10).toNanos()
        while (true) {
            shadowOf(Looper.getMainLooper()).idle()
            if (isSo()) return
            assertTrue(System.nanoTime() < deadline, "It never came to $what; the screen says: $line")
            Thread.sleep(5)
        }
    }

    private fun assertFailed(code: String, why: String, text: String) {
        val document = JSONObject(text)
        assertEquals("topformer.runner-error/1", document["schema"])
        assertEquals(code, document["code"])
        assertEquals("topformer.runner.end", document["end"])
        assertContains(document.getString("why"), why)
    }
}

/** A phone whose shared storage is taken out. */
class StoragelessApplication : TestApplication() {
    override fun getExternalFilesDir(type: String?): File? = null
}
