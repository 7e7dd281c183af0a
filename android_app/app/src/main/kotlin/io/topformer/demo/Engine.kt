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
    /** Called on the main thread, of the model that was opened last and until it is released. */
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

    // Touched on the engine's thread only.
    private var pipeline: Pipeline? = null
    private var number = 0

    // Touched on the main thread only: the number of the latest wish, so that answers to older ones are not told.
    private var wanted = 0
    private var closed = false
    private val runNewest = Runnable { runNewest() }
    private val tellResult = Runnable { if (!closed) listener.onResult() }

    /** Replaces the model; the listener hears of it. */
    fun open(model: StoredModel, threads: Int) {
        val number = ++wanted
        handler.post {
            this.number = number
            drop()
            refusing {
                val ready = model.prepare()
                val opened = Pipeline(ready.manifest, factory.open(ready.file, ready.manifest, threads))
                pipeline = opened
                val selfCheck = SelfCheck.run(opened, ready.golden)
                tell { listener.onModel(opened.manifest, selfCheck) }
            }
        }
    }

    /** The size at which labels will be seen. */
    fun showAt(width: Int, height: Int) {
        viewWidth = width
        viewHeight = height
    }

    /** Takes over a frame and closes it. */
    fun submit(frame: Frame) {
        val older = waiting.getAndSet(frame)
        if (older != null) return older.close()
        // Once the thread has ended nothing is run.
        if (!handler.post(runNewest)) waiting.getAndSet(null)?.close()
    }

    /** Gives the model's memory back. */
    fun release() {
        wanted++
        handler.post(::drop)
    }

    override fun close() {
        closed = true
        release()
        handler.post { waiting.getAndSet(null)?.close() }
        thread.quitSafely()
    }

    private fun runNewest() {
        val frame = waiting.getAndSet(null) ?: return
        frame.use {
            val pipeline = pipeline ?: return
            refusing {
                val scale = fitScale(frame.width, frame.height, viewWidth, viewHeight)
                val result = results.take()
                var filled = false
                try {
                    pipeline.run(frame, scaled(frame.width, scale), scaled(frame.height, scale), result)
                    filled = true
                } finally {
                    if (filled) results.publish(result) else results.giveBack(result)
                }
                main.removeCallbacks(tellResult)
                main.post(tellResult)
            }
        }
    }

    /** Whatever a model does wrong ends the model, and not the app. */
    private inline fun refusing(action: () -> Unit) = try {
        action()
    } catch (error: ManifestException) {
        refuse(error.what, error.why)
    } catch (error: SegmenterException) {
        refuse(stopped(), error.message.orEmpty())
    } catch (error: RuntimeException) {
        refuse(stopped(), error.toString())
    } catch (_: OutOfMemoryError) {
        refuse("The model does not fit into memory.", "Close other apps, or choose a smaller model.")
    }

    private fun stopped() = if (pipeline == null) "The model can't be run." else "The model stopped."

    private fun refuse(what: String, why: String) {
        drop()
        tell { listener.onRefusal(what, why) }
    }

    private fun drop() {
        pipeline?.close()
        pipeline = null
    }

    private inline fun tell(crossinline action: () -> Unit) {
        val number = number
        main.post { if (!closed && number == wanted) action() }
    }
}
