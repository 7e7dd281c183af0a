package io.topformer.demo

import android.app.Activity
import android.os.Bundle
import android.view.WindowManager
import android.widget.TextView
import io.topformer.core.ManifestException
import io.topformer.core.ModelException
import io.topformer.segmenter.SegmenterException
import org.json.JSONObject
import java.io.File
import kotlin.concurrent.thread

/**
 * Measures a model in the foreground, where Android does not hold the processor back, with nothing else on the screen.
 *
 * Started by `am start`; the answer is `bench/NAME.json` in the app's folder on the shared storage.
 */
class BenchActivity : Activity() {
    private lateinit var line: TextView

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        window.addFlags(WindowManager.LayoutParams.FLAG_KEEP_SCREEN_ON)
        setContentView(R.layout.bench)
        line = requireViewById(R.id.bench_line)
        val request = BenchRequest.of(intent)
        when {
            request == null -> line.setText(R.string.bench_refused)
            // The first start goes on while the screen turns.
            savedInstanceState == null -> measure(request)
        }
    }

    private fun measure(request: BenchRequest) {
        val application = application as DemoApplication
        val store = ModelStore(application, application.modelAssets)
        // Outside the activity's life: a measurement is finished, whatever becomes of the screen.
        thread(name = "bench") {
            val document = try {
                val model = store.list().firstOrNull { request.model == null || it.name == request.model }
                    ?: throw ManifestException("There is no such model.", request.model.orEmpty())
                Bench(request, model.prepare(), application.segmenters).run()
            } catch (error: ModelException) {
                failure("model-refused", error.what, error.why)
            } catch (error: SegmenterException) {
                failure("model-refused", "The model can't be run.", error.message.orEmpty())
            } catch (error: OutOfMemoryError) {
                failure("memory", "The model does not fit into memory.", error.message.orEmpty())
            }
            val folder = File(application.getExternalFilesDir(null), "bench").apply { mkdirs() }
            val file = File(folder, "${request.name}.json")
            writeWhole(file) { it.write((document + "\n").toByteArray()) }
            runOnUiThread { line.text = getString(R.string.bench_done, file.path) }
        }
    }

    private fun failure(code: String, what: String, why: String): String =
        """{"schema":"topformer.runner-error/1","code":"$code",""" +
            """"what":${JSONObject.quote(what)},"why":${JSONObject.quote(why)},"end":"topformer.runner.end"}"""
}
