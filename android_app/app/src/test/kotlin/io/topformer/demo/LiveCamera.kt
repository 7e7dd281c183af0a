package io.topformer.demo

import android.graphics.Bitmap
import android.graphics.SurfaceTexture
import android.hardware.camera2.CameraAccessException
import android.hardware.camera2.CameraCharacteristics
import android.hardware.camera2.CameraDevice
import android.hardware.camera2.CameraManager
import android.hardware.camera2.MultiResolutionImageReader
import android.media.Image
import android.media.ImageReader
import android.os.Handler
import android.view.Surface
import org.robolectric.Shadows.shadowOf
import org.robolectric.annotation.Implementation
import org.robolectric.annotation.Implements
import org.robolectric.annotation.RealObject
import org.robolectric.shadow.api.Shadow
import org.robolectric.shadows.ShadowCameraDeviceImpl
import org.robolectric.shadows.ShadowCameraManager
import org.robolectric.util.ReflectionHelpers.ClassParameter
import java.util.concurrent.CopyOnWriteArrayList

/** What happened to the phone's cameras, and what shall. Robolectric's own deliver no frames and refuse nothing. */
object LiveCamera {
    /** A camera that is listed, but gone when something is asked of it. */
    @Volatile
    var unpluggedId: String? = null

    /** Thrown when a camera is opened. */
    @Volatile
    var refusal: Exception? = null

    /** Whether the app has a camera. */
    @Volatile
    internal var isHeld = false
    val openedIds = CopyOnWriteArrayList<String>()
    val readers = CopyOnWriteArrayList<FrameReader>()
    val running: List<FrameReader> get() = readers.filter { it.listens && !it.closed }

    /** Of the camera that was opened last. */
    @Volatile
    var preview: LivePreview? = null

    @Volatile
    private var facesUser = false
    private var frames = 0L

    /** By the camera's clock, which counts from some moment: thirty frames a second. */
    fun nextTimestampNs(): Long = 5_000_000_000 + 33_333_333 * ++frames

    internal fun deliverToPreview(seen: Bitmap, timestampNs: Long) = preview?.deliver(seen, timestampNs, facesUser)

    internal fun onOpened(facesUser: Boolean) {
        this.facesUser = facesUser
    }

    @Volatile
    internal var lastCallback: Pair<Handler, CameraDevice.StateCallback>? = null

    @Volatile
    internal var lastDevice: CameraDevice? = null

    fun reset() {
        unpluggedId = null
        refusal = null
        isHeld = false
        openedIds.clear()
        readers.clear()
        preview = null
        frames = 0
        lastCallback = null
        lastDevice = null
    }

    /** The camera fails as the system tells apps. */
    fun fail(error: Int) {
        val (handler, callback) = checkNotNull(lastCallback) { "No camera is open." }
        handler.post { callback.onError(checkNotNull(lastDevice), error) }
    }
}

/** The camera manager, which can refuse and tells of later errors. As on some phones, it has one camera at a time. */
@Implements(CameraManager::class)
class CamerasShadow : ShadowCameraManager() {
    @RealObject
    private lateinit var manager: CameraManager

    @Implementation
    fun openCamera(id: String, callback: CameraDevice.StateCallback, handler: Handler) {
        LiveCamera.refusal?.let { throw it }
        if (LiveCamera.isHeld) throw CameraAccessException(CameraAccessException.MAX_CAMERAS_IN_USE)
        LiveCamera.isHeld = true
        LiveCamera.openedIds += id
        val facing = manager.getCameraCharacteristics(id).get(CameraCharacteristics.LENS_FACING)
        LiveCamera.onOpened(facesUser = facing == CameraCharacteristics.LENS_FACING_FRONT)
        LiveCamera.lastCallback = handler to callback
        Shadow.directlyOn<Unit, CameraManager>(
            manager,
            CameraManager::class.java,
            "openCamera",
            ClassParameter.from(String::class.java, id),
            ClassParameter.from(CameraDevice.StateCallback::class.java, remembering(callback, handler)),
            ClassParameter.from(Handler::class.java, handler),
        )
    }

    @Implementation
    public override fun getCameraCharacteristics(id: String): CameraCharacteristics {
        require(id != LiveCamera.unpluggedId) { "Unknown camera ID $id" }
        return super.getCameraCharacteristics(id)
    }

    // Robolectric's own list of them is of a class that apps don't see.
    private fun remembering(callback: CameraDevice.StateCallback, handler: Handler) = object : CameraDevice.StateCallback() {
        override fun onOpened(camera: CameraDevice) {
            LiveCamera.lastDevice = camera
            // Nothing says that it is open before other things are done that wait for the same thread.
            handler.post { callback.onOpened(camera) }
        }

        override fun onClosed(camera: CameraDevice) = callback.onClosed(camera)

        override fun onDisconnected(camera: CameraDevice) = callback.onDisconnected(camera)

        override fun onError(camera: CameraDevice, error: Int) = callback.onError(camera, error)
    }
}

/** A camera that was opened, and is held until it is closed. */
@Implements(className = "android.hardware.camera2.impl.CameraDeviceImpl")
class CameraShadow : ShadowCameraDeviceImpl() {
    private var held = true

    @Implementation
    public override fun close() {
        if (held) LiveCamera.isHeld = false
        held = false
        super.close()
    }
}

/** An image reader that tests put frames into. As the real one it holds no more images than it was made for. */
@Implements(ImageReader::class)
class FrameReader {
    @RealObject
    private lateinit var reader: ImageReader
    private val surface = Surface(SurfaceTexture(0))
    private val ready = ArrayDeque<FakeImage>()
    private val acquired = HashSet<FakeImage>()
    private var listener: Pair<ImageReader.OnImageAvailableListener, Handler?>? = null
    private var mostImages = 0
    var mostAcquired = 0
        private set

    @Volatile
    var closed = false
        private set

    val listens: Boolean @Synchronized get() = listener != null

    /** Images that the app has taken and not closed. */
    val outstanding: Int @Synchronized get() = acquired.count { !it.closed }

    /** A frame is there; a camera without room for it drops it. */
    fun deliver(picture: Bitmap): FakeImage {
        val timestampNs = LiveCamera.nextTimestampNs()
        val image = FakeImage.of(picture, timestampNs)
        LiveCamera.deliverToPreview(picture, timestampNs)
        synchronized(this) {
            check(!closed) { "The camera is closed." }
            if (ready.size + outstanding >= mostImages) return image.also { it.close() }
            ready += image
        }
        val (onImage, handler) = checkNotNull(listener) { "Nobody waits for frames." }
        checkNotNull(handler).post { if (!closed) onImage.onImageAvailable(reader) }
        return image
    }

    /** Returns when the app has done all that it does of itself with the frames there are. */
    fun untilTaken() = shadowOf(checkNotNull(listener?.second).looper).idle()

    @Implementation
    @Suppress("UNUSED_PARAMETER")
    fun __constructor__(
        width: Int,
        height: Int,
        format: Int,
        mostImages: Int,
        usage: Long,
        parent: MultiResolutionImageReader?,
    ) {
        this.mostImages = mostImages
        LiveCamera.readers += this
    }

    @Implementation
    fun getSurface(): Surface = surface

    @Implementation
    @Synchronized
    fun setOnImageAvailableListener(listener: ImageReader.OnImageAvailableListener?, handler: Handler?) {
        this.listener = listener?.let { it to handler }
    }

    // Source: ImageReader.acquireLatestImage: it closes all but the newest, and must be able to hold two for that.
    @Implementation
    @Synchronized
    fun acquireLatestImage(): Image? {
        val newest = ready.removeLastOrNull() ?: return null
        check(outstanding < mostImages) { "maxImages ($mostImages) has already been acquired." }
        ready.forEach(FakeImage::close)
        ready.clear()
        acquired += newest
        mostAcquired = maxOf(mostAcquired, outstanding)
        return newest.image
    }

    @Implementation
    @Synchronized
    fun close() {
        closed = true
        listener = null
        // The real one takes back what apps still hold.
        (ready + acquired).forEach(FakeImage::close)
    }
}
