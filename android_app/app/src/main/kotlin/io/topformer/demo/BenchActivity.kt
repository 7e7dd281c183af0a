package io.topformer.demo

import android.app.Activity
import android.os.Bundle
import android.os.Handler
import android.os.Looper
import android.view.WindowManager
import android.widget.TextView
import io.topformer.core.ManifestException
import io.topformer.core.ModelException
import io.topformer.segmenter.SegmenterException
import java.io.File
import java.io.IOException
import java.util.concurrent.Executors

/**
 * Measures a model in the foreground, where Android does not hold the processor back, with nothing else on the screen.
 *
 * Started by `am start`; the answer is `bench/NAME.json` in the app's folder on the shared storage. Whatever happens
 * there will be one, a measurement's or a failure's, or the screen says why there is none.
 */
class BenchActivity : Activity() {
    private lateinit var line: TextView
    private val main = Handler(Looper.getMainLooper())
    private var request: BenchRequest? = null

    // Read by the measuring thread at its end.
    @Volatile
    private var wasLeft = false

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        window.addFlags(WindowManager.LayoutParams.FLAG_KEEP_SCREEN_ON)
        setContentView(R.layout.bench)
        line = requireViewById(R.id.bench_line)
        val name = BenchRequest.nameOf(intent)
        request = BenchRequest.of(intent)
        when {
            name == null -> line.setText(R.string.bench_refused)
            request == null -> queue.execute { write(name, failureDocument("usage", "No such bench can be run.", LIMITS)) }
            else -> main.postDelayed(::giveUp, LONGEST_WAIT_MS)
        }
    }

    // Not before: a locked phone creates activities, but holds them back.
    override fun onTopResumedActivityChanged(isTopResumedActivity: Boolean) {
        super.onTopResumedActivityChanged(isTopResumedActivity)
        if (isTopResumedActivity) begin(::answer) else wasLeft = true
    }

    override fun onDestroy() {
        super.onDestroy()
        main.removeCallbacksAndMessages(null)
    }

    private fun giveUp() = begin {
        failureDocument("background", "The app did not come to the front.", "The screen is locked, or another app has it.")
    }

    private fun begin(answer: (BenchRequest) -> String) {
        val request = request ?: return
        this.request = null
        main.removeCallbacksAndMessages(null)
        wasLeft = false
        queue.execute { write(request.name, answer(request)) }
    }

    private fun answer(request: BenchRequest): String = try {
        val application = application as DemoApplication
        val store = ModelStore(application, application.modelAssets)
        val models = store.list()
        val model = models.firstOrNull { request.model == null || it.name == request.model }
            ?: throw ManifestException("There is no such model.", "The app has ${models.map { it.name }}.")
        val ready = model.prepare()
        val run = Bench(request, ready, application.segmenters).run()
        if (wasLeft) {
            failureDocument("background", "The app was left while it measured.", "Android holds back what is not in front.")
        } else {
            runDocument(run, ready.manifest, request.threads)
        }
    } catch (error: ModelException) {
        failureDocument("model-refused", error.what, error.why)
    } catch (error: SegmenterException) {
        failureDocument("model-refused", "The model can't be run.", error.message.orEmpty())
    } catch (error: OutOfMemoryError) {
        failureDocument("memory", "The model does not fit into memory.", error.message.orEmpty())
    } catch (error: Throwable) {
        // The one that asked is waiting for a document, not for a crash.
        failureDocument("crashed", "The measurement failed.", error.toString())
    }

    private fun write(name: String, document: String) {
        val said = try {
            val storage = application.getExternalFilesDir(null) ?: throw IOException("There is no shared storage.")
            val file = File(File(storage, "bench").apply { mkdirs() }, "$name.json")
            writeWhole(file) { it.write(document.toByteArray()) }
            getString(R.string.bench_done, file.path)
        } catch (error: Exception) {
            getString(R.string.bench_not_written, error.message ?: error.toString())
        }
        runOnUiThread { line.text = said }
    }

    private companion object {
        const val LIMITS = "Threads are from 1 to 64, warm-ups up to 100000, and samples from 1 to 100000."
        const val LONGEST_WAIT_MS = 20_000L

        // One measurement at a time, and each to its end, whatever becomes of the screen that asked for it.
        val queue = Executors.newSingleThreadExecutor { Thread(it, "bench") }
    }
}
