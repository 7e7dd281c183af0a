package io.topformer.demo

import android.os.Handler
import android.os.HandlerThread
import android.os.Looper
import io.topformer.core.FramePairing
import io.topformer.core.LabelColours
import io.topformer.core.ManifestException
import io.topformer.core.ModelManifest
import io.topformer.core.Newest
import io.topformer.core.YuvFrame
import io.topformer.segmenter.Segmenter
import io.topformer.segmenter.SegmenterException
import java.io.File

/** Opens a model file in a runtime; throws [SegmenterException]. */
fun interface SegmenterFactory {
    fun open(file: File, manifest: ModelManifest, threads: Int): Segmenter
}

/** Runs the model on its own thread: of the camera's frames only the newest, or an opened picture. */
class Engine(private val factory: SegmenterFactory, private val clock: Clock, private val listener: Listener) :
    AutoCloseable, Preview.Progress {
    /** Called on the main thread, of the model that was opened last and until it is released. */
    interface Listener {
        fun onModel(manifest: ModelManifest, selfCheck: SelfCheck)

        fun onResult()

        fun onRefusal(what: String, why: String)
    }

    // One is shown, the system may still draw the one before it, one is new, one is filled, and one is free.
    val results = Newest(List(5) { Result() })

    // Read by the engine's thread for each picture.
    @Volatile
    private var viewWidth = 0

    @Volatile
    private var viewHeight = 0

    @Volatile
    private var still: StillFrame? = null

    /** What labels are painted with; nothing is run before there are those of its model. */
    @Volatile
    var colours: LabelColours? = null

    private val thread = HandlerThread("inference").apply { start() }
    private val handler = Handler(thread.looper)
    private val main = Handler(Looper.getMainLooper())

    // Set on the engine's thread only.
    @Volatile
    private var pipeline: Pipeline? = null
    private var number = 0

    // Held while a camera frame is prepared, so that none comes after the camera's frames were refused.
    private val gate = Any()

    @Volatile
    private var takesFrames = true

    // Touched on the main thread only: the number of the latest wish, so that answers to older ones are not told.
    private var wanted = 0
    private var closed = false
    private val runNewest = Runnable { fill { pipeline, result -> takesFrames && pipeline.runNewest(result) } }
    private val runStill = Runnable { still?.let { fill { pipeline, result -> run(it, pipeline, result) } } }
    private val tellResult = Runnable { if (!closed) listener.onResult() }

    override val runningNs: Long get() = pipeline?.runningNs ?: FramePairing.NOTHING_RUNS

    /** Replaces the model; the listener hears of it. */
    fun open(model: StoredModel, threads: Int) {
        val number = ++wanted
        handler.post {
            this.number = number
            drop()
            refusing {
                val ready = model.prepare()
                val opened = Pipeline(ready.manifest, factory.open(ready.file, ready.manifest, threads), clock)
                pipeline = opened
                // The screen asks for them, and must not wait.
                opened.manifest.run { shownNames to shownPalette }
                val selfCheck = SelfCheck.run(opened, ready.golden)
                tell { listener.onModel(opened.manifest, selfCheck) }
            }
        }
    }

    /** The size at which an opened picture's labels will be seen. */
    fun showAt(width: Int, height: Int) {
        viewWidth = width
        viewHeight = height
    }

    /** Runs an opened picture; null where there is none any more. */
    fun submit(still: StillFrame?) {
        this.still = still
        handler.removeCallbacks(runStill)
        handler.post(runStill)
    }

    /** Whether the camera's frames are run from now on. */
    fun takeFrames(take: Boolean) = synchronized(gate) { takesFrames = take }

    /** Prepares a frame of the camera, on its thread; it is run as soon as the model has done the one before. */
    fun prepare(frame: YuvFrame, turnDegrees: Int, mirror: Boolean, timestampNs: Long) {
        synchronized(gate) {
            if (!takesFrames) return
            val pipeline = pipeline ?: return
            pipeline.prepare(frame, turnDegrees, mirror, timestampNs)
        }
        if (!handler.hasCallbacks(runNewest)) handler.post(runNewest)
    }

    /** Gives the model's memory back. */
    fun release() {
        wanted++
        handler.post(::drop)
    }

    override fun close() {
        closed = true
        release()
        thread.quitSafely()
    }

    private fun run(still: StillFrame, pipeline: Pipeline, result: Result): Boolean {
        val scale = fitScale(still.width, still.height, viewWidth, viewHeight)
        pipeline.run(still, scaled(still.width, scale), scaled(still.height, scale), result)
        return true
    }

    private inline fun fill(action: (Pipeline, Result) -> Boolean) {
        val pipeline = pipeline ?: return
        pipeline.colours = colours?.takeIf { it.inside.size == pipeline.manifest.classCount } ?: return
        refusing {
            val result = results.take() ?: return
            var filled = false
            try {
                filled = action(pipeline, result)
            } finally {
                if (filled) results.publish(result) else results.giveBack(result)
            }
            if (!filled) return
            main.removeCallbacks(tellResult)
            main.post(tellResult)
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
