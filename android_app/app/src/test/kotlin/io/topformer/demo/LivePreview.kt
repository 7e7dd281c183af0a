package io.topformer.demo

import android.app.Activity
import android.app.Application
import android.graphics.Bitmap
import android.graphics.Canvas
import android.graphics.Matrix
import android.graphics.Paint
import android.graphics.RectF
import android.graphics.SurfaceTexture
import android.os.Bundle
import android.os.Handler
import android.os.Looper
import android.view.Surface
import android.view.TextureView
import android.view.ViewTreeObserver
import org.robolectric.RuntimeEnvironment
import org.robolectric.annotation.Implementation
import org.robolectric.annotation.Implements
import org.robolectric.annotation.RealObject
import org.robolectric.shadows.ShadowView

/** The frames that a GPU would keep and show: bitmaps. */
class LivePreview(val size: Size, private val sensorDegrees: Int, slots: Int, private val handler: Handler, private val onFrame: Runnable) :
    PreviewFrames {
    private class Frame(val timestampNs: Long, val picture: Bitmap)

    private val arrived = ArrayDeque<Frame>()
    private lateinit var latched: Frame
    private val kept = arrayOfNulls<Frame>(slots)
    private var shownFrame: Frame? = null

    /** Where frames are shown. */
    @Volatile
    var output: SurfaceTexture? = null
        private set

    @Volatile
    var closed = false
        private set

    /** When each frame that was shown was taken. */
    val shownNs = ArrayList<Long>()
    override val surface = Surface(SurfaceTexture(0))

    init {
        LiveCamera.preview = this
    }

    /** What is on the screen. */
    val shown: Bitmap? @Synchronized get() = shownFrame?.takeIf { output != null && !closed }?.picture

    /** A frame as the sensor sees it: Android turns it for the display's natural place, and mirrors a front camera's. */
    fun deliver(seen: Bitmap, timestampNs: Long, isFront: Boolean) {
        val turn = Matrix().apply {
            postRotate(sensorDegrees.toFloat())
            if (isFront) postScale(-1f, 1f)
        }
        val upright = Bitmap.createBitmap(seen, 0, 0, seen.width, seen.height, turn, false)
        synchronized(this) { arrived += Frame(timestampNs, upright) }
        // As a SurfaceTexture does, also when it was given back meanwhile.
        handler.post(onFrame)
    }

    @Synchronized
    override fun latch(): Long {
        // Source: SurfaceTexture_updateTexImage in android_graphics_SurfaceTexture.cpp.
        if (closed) throw RuntimeException("Error during updateTexImage (see logcat for details)")
        latched = arrived.last()
        return latched.timestampNs
    }

    override fun keep(slot: Int) {
        check(kept[slot] == null || kept[slot] !== shownFrame) { "What is shown is overwritten." }
        kept[slot] = latched
    }

    @Synchronized
    override fun show(slot: Int) {
        check(output?.isReleased != true) { "Its place was given back." }
        shownFrame = checkNotNull(kept[slot]).also { shownNs += it.timestampNs }
    }

    override fun showOn(output: SurfaceTexture?) {
        this.output = output
    }

    override fun close() {
        closed = true
    }
}

/** Where a preview is shown. As the real one it knows that it was given back, which Robolectric's does not. */
class PreviewPlace : SurfaceTexture(0) {
    @Volatile
    private var released = false

    override fun release() {
        released = true
    }

    override fun isReleased() = released
}

/** A view of the preview, which Robolectric's does not draw. */
@Implements(TextureView::class)
class PreviewShadow : ShadowView() {
    @RealObject
    private lateinit var view: TextureView
    private var place: SurfaceTexture? = null
    private var listener: TextureView.SurfaceTextureListener? = null

    @Implementation
    fun setSurfaceTextureListener(listener: TextureView.SurfaceTextureListener?) {
        this.listener = listener
        Handler(Looper.getMainLooper()).post {
            if (place == null) listener?.onSurfaceTextureAvailable(PreviewPlace().also { place = it }, view.width, view.height)
        }
    }

    @Implementation
    public override fun draw(canvas: Canvas) {
        canvas.save()
        canvas.concat(view.getTransform(null))
        drawContent(canvas)
        canvas.restore()
    }

    private fun drawContent(canvas: Canvas) {
        if (place == null || LiveCamera.preview?.output !== place) return
        val picture = LiveCamera.preview?.shown ?: return
        val all = RectF(0f, 0f, view.width.toFloat(), view.height.toFloat())
        canvas.drawBitmap(picture, null, all, Paint(Paint.FILTER_BITMAP_FLAG))
    }

    // Source: TextureView.getBitmap: none where nothing can be drawn on. Readback::copyLayerInto in libs/hwui leaves the
    // view's transform out.
    @Implementation
    fun getBitmap(): Bitmap? {
        if (place == null || view.width == 0 || view.height == 0) return null
        return Bitmap.createBitmap(view.width, view.height, Bitmap.Config.ARGB_8888).also { drawContent(Canvas(it)) }
    }

    @Implementation
    fun onDetachedFromWindowInternal() {
        place?.let { listener?.onSurfaceTextureDestroyed(it) }
        place = null
    }
}

/** Who is to be told when what is drawn next is on its way to the display. */
@Implements(ViewTreeObserver::class)
class CommitShadow {
    @Implementation
    fun registerFrameCommitCallback(callback: Runnable) {
        (RuntimeEnvironment.getApplication() as TestApplication).drawing.onCommit(callback)
    }
}

/**
 * The system as it draws the app, which Robolectric does not of itself: from an activity's start to its stop, unless a
 * test lets it wait. As the real one it tells of a drawing only later, when others may already have been asked for.
 */
class Drawing : Application.ActivityLifecycleCallbacks {
    private val main = Handler(Looper.getMainLooper())
    private val awaited = ArrayList<Runnable>()
    private val drawn = ArrayList<Runnable>()
    private var activity: Activity? = null
    var goesOn = false
        set(value) {
            field = value
            main.post(::draw)
        }

    /** Whether it is told of what was drawn. */
    var tells = true
        set(value) {
            field = value
            commit()
        }

    /** Whether something was drawn that was not told of. */
    val isUntold: Boolean get() = drawn.isNotEmpty()

    fun onCommit(callback: Runnable) {
        awaited += callback
        main.post(::draw)
    }

    private fun draw() {
        val window = activity?.window?.decorView ?: return
        if (!goesOn || awaited.isEmpty() || window.width == 0) return
        window.draw(Canvas(Bitmap.createBitmap(window.width, window.height, Bitmap.Config.ARGB_8888)))
        drawn += awaited
        awaited.clear()
        commit()
    }

    private fun commit() {
        if (!tells) return
        drawn.forEach(main::post)
        drawn.clear()
    }

    override fun onActivityStarted(activity: Activity) {
        this.activity = activity
        goesOn = true
    }

    override fun onActivityStopped(activity: Activity) {
        if (activity === this.activity) goesOn = false
    }

    // A view that is gone is not drawn any more.
    override fun onActivityDestroyed(activity: Activity) {
        if (activity !== this.activity) return
        awaited.clear()
        drawn.clear()
        this.activity = null
    }

    override fun onActivityCreated(activity: Activity, saved: Bundle?) = Unit

    override fun onActivityResumed(activity: Activity) = Unit

    override fun onActivityPaused(activity: Activity) = Unit

    override fun onActivitySaveInstanceState(activity: Activity, saved: Bundle) = Unit
}
