package io.topformer.demo

import android.os.Handler
import android.os.HandlerThread
import android.os.Looper
import io.topformer.core.ManifestException
import io.topformer.core.ModelManifest
import io.topformer.segmenter.Segmenter
import io.topformer.segmenter.SegmenterException
import java.io.File
import java.util.concurrent.atomic.AtomicReference

/** Opens a model file in a runtime; throws [SegmenterException]. */
fun interface SegmenterFactory {
    fun open(file: File, manifest: ModelManifest, threads: Int): Segmenter
}

/** Runs the model on its own thread: of the frames that wait, only the newest. */
class Engine(private val factory: SegmenterFactory, private val listener: Listener) : AutoCloseable {
    /** Called on the main thread. */
    interface Listener {
        fun onModel(manifest: ModelManifest, selfCheck: SelfCheck)

        fun onResult()

        fun onRefusal(what: String, why: String)
    }

    val results = ResultSlots()

    // Read by the engine's thread for each frame.
    @Volatile
    private var viewWidth = 0

    @Volatile
    private var viewHeight = 0

    private val thread = HandlerThread("inference").apply { start() }
    private val handler = Handler(thread.looper)
    private val main = Handler(Looper.getMainLooper())
    private val waiting = AtomicReference<Frame?>()
    private var pipeline: Pipeline? = null
    private val runNewest = Runnable { runNewest() }
    private val tellResult = Runnable { listener.onResult() }

    val looper: Looper get() = thread.looper

    /** Replaces the model; the listener hears of it. */
    fun open(model: StoredModel, threads: Int) {
        handler.post { tryOpen(model, threads) }
    }

    /** The size at which labels will be seen. */
    fun showAt(width: Int, height: Int) {
        viewWidth = width
        viewHeight = height
    }

    /** Takes over a frame and closes it. */
    fun submit(frame: Frame) {
        waiting.getAndSet(frame)?.close() ?: handler.post(runNewest)
    }

    /** Gives the model's memory back. */
    fun release() {
        handler.post {
            pipeline?.close()
            pipeline = null
        }
    }

    override fun close() {
        release()
        handler.post { waiting.getAndSet(null)?.close() }
        thread.quitSafely()
        main.removeCallbacksAndMessages(null)
    }

    private fun tryOpen(model: StoredModel, threads: Int) {
        pipeline?.close()
        pipeline = null
        try {
            val ready = model.prepare()
            val opened = Pipeline(ready.manifest, factory.open(ready.file, ready.manifest, threads))
            pipeline = opened
            val selfCheck = SelfCheck.run(opened, ready.golden)
            main.post { listener.onModel(opened.manifest, selfCheck) }
        } catch (error: ManifestException) {
            refuse(error.what, error.why)
        } catch (error: SegmenterException) {
            refuse("The model can't be run.", error.message.orEmpty())
        } catch (_: OutOfMemoryError) {
            refuse("The model does not fit into memory.", "Close other apps, or choose a smaller model.")
        }
    }

    private fun runNewest() {
        val frame = waiting.getAndSet(null) ?: return
        frame.use {
            val pipeline = pipeline ?: return
            val result = results.take()
            try {
                val fit = fit(frame.width, frame.height, viewWidth, viewHeight)
                pipeline.run(frame, fit.width, fit.height, result)
                results.publish(result)
                main.removeCallbacks(tellResult)
                main.post(tellResult)
            } catch (error: SegmenterException) {
                results.giveBack(result)
                refuse("The model stopped.", error.message.orEmpty())
            }
        }
    }

    private fun refuse(what: String, why: String) {
        pipeline?.close()
        pipeline = null
        main.post { listener.onRefusal(what, why) }
    }
}
