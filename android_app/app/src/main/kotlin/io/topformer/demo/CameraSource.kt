package io.topformer.demo

import android.annotation.SuppressLint
import android.content.Context
import android.graphics.ImageFormat
import android.graphics.SurfaceTexture
import android.hardware.camera2.CameraAccessException
import android.hardware.camera2.CameraCaptureSession
import android.hardware.camera2.CameraCharacteristics
import android.hardware.camera2.CameraDevice
import android.hardware.camera2.CameraManager
import android.hardware.camera2.CaptureRequest
import android.hardware.camera2.params.OutputConfiguration
import android.hardware.camera2.params.SessionConfiguration
import android.media.ImageReader
import android.util.Range
import io.topformer.core.YuvFrame

/** Why there are no frames. */
enum class CameraTrouble { NONE_THERE, IN_USE, NOT_ALLOWED, LOST }

/** One camera on the [CameraThread], from [start] until [close]: its picture on the screen, and its frames. */
class CameraSource(
    context: Context,
    private val thread: CameraThread,
    private val previews: PreviewFactory,
    private val progress: Preview.Progress,
    private val listener: Listener,
) : AutoCloseable {
    /** Called on the camera's thread. */
    interface Listener {
        /** The camera runs; its upright picture has this size where the display is in its natural place. */
        fun onPicture(size: Size)

        /** To be read before this returns: [turnDegrees] clockwise, then mirrored, it is as the user sees it. */
        fun onFrame(frame: YuvFrame, turnDegrees: Int, mirror: Boolean, timestampNs: Long)

        fun onTrouble(trouble: CameraTrouble)
    }

    private val manager = context.getSystemService(CameraManager::class.java)
    private val handler = thread.handler

    // Touched on the camera's thread only.
    private var opening = false
    private var device: CameraDevice? = null
    private var images: ImageReader? = null
    private var preview: Preview? = null
    private var output: SurfaceTexture? = null
    private var frozen = false
    private val frame = emptyYuvFrame()
    private var closed = false

    // The activity follows rotations without a restart of the camera.
    @Volatile
    private var displayDegrees = 0

    @Volatile
    private var labelledNs = 0L
    private val tellLabels = Runnable { preview?.onLabels(labelledNs) }

    /** Opens a camera that looks this way, or any other; what goes wrong is told to the listener. */
    fun start(facing: Facing, displayDegrees: Int) {
        this.displayDegrees = displayDegrees
        handler.post { thread.take(this) { reporting { open(facing) } } }
    }

    fun turnTo(displayDegrees: Int) {
        this.displayDegrees = displayDegrees
    }

    /** Shows the picture elsewhere or nowhere, and then gives a place back where that is no more used. */
    fun showOn(output: SurfaceTexture?, unused: SurfaceTexture? = null) {
        handler.post {
            this.output = output
            preview?.showOn(output)
            unused?.release()
        }
    }

    /** Lets the picture stand still, or go on. */
    fun freeze(freeze: Boolean) {
        handler.post {
            frozen = freeze
            preview?.freeze(freeze)
        }
    }

    /** The labels of a frame are on the screen. */
    fun onLabels(timestampNs: Long) {
        labelledNs = timestampNs
        handler.post(tellLabels)
    }

    override fun close() {
        handler.post(::stop)
    }

    // A refusal arrives as SecurityException, and is answered.
    @SuppressLint("MissingPermission")
    private fun open(facing: Facing) {
        if (closed) return thread.giveBack(this)
        val ids = manager?.cameraIdList.orEmpty()
        val id = ids.firstOrNull { facingOf(it) == facing } ?: ids.firstOrNull()
        if (id == null) return report(CameraTrouble.NONE_THERE)
        manager?.openCamera(id, onDevice, handler)
        opening = true
    }

    private fun facingOf(id: String): Facing = facingOf(checkNotNull(manager), id)

    private val onDevice = object : CameraDevice.StateCallback() {
        override fun onOpened(camera: CameraDevice) {
            opening = false
            device = camera
            if (closed) stop() else reporting { startSession(camera) }
        }

        override fun onDisconnected(camera: CameraDevice) = lose(camera, CameraTrouble.LOST)

        override fun onError(camera: CameraDevice, error: Int) = lose(camera, troubleOf(error))
    }

    private fun startSession(camera: CameraDevice) {
        val characteristics = manager?.getCameraCharacteristics(camera.id) ?: return
        val streams = characteristics.get(CameraCharacteristics.SCALER_STREAM_CONFIGURATION_MAP)
        val size = frameSize(streams?.getOutputSizes(ImageFormat.YUV_420_888).ours()) ?: return report(CameraTrouble.NONE_THERE)
        val shown = previewSize(streams?.getOutputSizes(SurfaceTexture::class.java).ours(), size)
        val sensorDegrees = characteristics.get(CameraCharacteristics.SENSOR_ORIENTATION) ?: 0
        val facing = facingOf(camera.id)
        // One is read, one is new, and the camera fills another one.
        val reader = ImageReader.newInstance(size.width, size.height, ImageFormat.YUV_420_888, 3).also { images = it }
        reader.setOnImageAvailableListener({ reporting { take(it, sensorDegrees, facing) } }, handler)
        val screen = Preview(progress) { slots, onFrame ->
            // One may come after the end of the preview.
            previews.open(shown, sensorDegrees, slots, handler) { if (!closed) reporting { onFrame.run() } }
        }
        preview = screen
        screen.freeze(frozen)
        screen.showOn(output)
        val offered = characteristics.get(CameraCharacteristics.CONTROL_AE_AVAILABLE_TARGET_FPS_RANGES).orEmpty()
        val rate = frameRate(offered.map { it.lower..it.upper })
        val surfaces = listOf(screen.surface, reader.surface)
        val onSession = object : CameraCaptureSession.StateCallback() {
            override fun onConfigured(session: CameraCaptureSession) = reporting {
                val request = camera.createCaptureRequest(CameraDevice.TEMPLATE_PREVIEW)
                surfaces.forEach(request::addTarget)
                rate?.let { request.set(CaptureRequest.CONTROL_AE_TARGET_FPS_RANGE, Range(it.first, it.last)) }
                session.setRepeatingRequest(request.build(), null, handler)
                val lying = sensorDegrees % 180 == 90
                listener.onPicture(if (lying) Size(size.height, size.width) else size)
            }

            override fun onConfigureFailed(session: CameraCaptureSession) = lose(camera, CameraTrouble.LOST)
        }
        val outputs = surfaces.map(::OutputConfiguration)
        camera.createCaptureSession(
            SessionConfiguration(SessionConfiguration.SESSION_REGULAR, outputs, handler::post, onSession),
        )
    }

    private fun take(reader: ImageReader, sensorDegrees: Int, facing: Facing) {
        if (closed) return
        reader.acquireLatestImage()?.use { image ->
            frame.wrap(image)
            val turn = turnOf(sensorDegrees, displayDegrees, facing)
            listener.onFrame(frame, turn, mirror = facing == Facing.FRONT, image.timestamp)
        }
    }

    private fun Array<out android.util.Size>?.ours(): List<Size> = orEmpty().map { Size(it.width, it.height) }

    private fun lose(camera: CameraDevice, trouble: CameraTrouble) {
        opening = false
        device = camera
        if (closed) stop() else report(trouble)
    }

    private fun stop() {
        closed = true
        // First of all, because the next camera shows its picture in the same place.
        preview?.close()
        preview = null
        device?.close()
        device = null
        images?.close()
        images = null
        // A camera that is still being opened comes to this thread, to be closed.
        if (!opening) thread.giveBack(this)
    }

    private inline fun reporting(action: () -> Unit) {
        try {
            action()
        } catch (error: CameraAccessException) {
            report(troubleOf(error))
        } catch (_: SecurityException) {
            report(CameraTrouble.NOT_ALLOWED)
        } catch (_: IllegalStateException) {
            // The camera was closed between two steps.
            report(CameraTrouble.LOST)
        } catch (_: IllegalArgumentException) {
            // It was unplugged between two steps.
            report(CameraTrouble.LOST)
        }
    }

    private fun report(trouble: CameraTrouble) {
        if (closed) return
        stop()
        listener.onTrouble(trouble)
    }

    private companion object {
        fun troubleOf(error: CameraAccessException) = when (error.reason) {
            CameraAccessException.CAMERA_IN_USE, CameraAccessException.MAX_CAMERAS_IN_USE -> CameraTrouble.IN_USE
            CameraAccessException.CAMERA_DISABLED -> CameraTrouble.NOT_ALLOWED
            else -> CameraTrouble.LOST
        }

        fun troubleOf(error: Int) = when (error) {
            CameraDevice.StateCallback.ERROR_CAMERA_IN_USE,
            CameraDevice.StateCallback.ERROR_MAX_CAMERAS_IN_USE,
            -> CameraTrouble.IN_USE
            CameraDevice.StateCallback.ERROR_CAMERA_DISABLED -> CameraTrouble.NOT_ALLOWED
            else -> CameraTrouble.LOST
        }
    }
}

/** The ways that cameras look; none where that can't be learned. */
fun facings(context: Context): Set<Facing> = try {
    val manager = context.getSystemService(CameraManager::class.java)
    manager?.cameraIdList.orEmpty().mapTo(HashSet()) { facingOf(checkNotNull(manager), it) }
} catch (_: CameraAccessException) {
    emptySet()
} catch (_: IllegalArgumentException) {
    // It was unplugged between two steps.
    emptySet()
}

private fun facingOf(manager: CameraManager, id: String): Facing {
    val facing = manager.getCameraCharacteristics(id).get(CameraCharacteristics.LENS_FACING)
    return if (facing == CameraCharacteristics.LENS_FACING_FRONT) Facing.FRONT else Facing.BACK
}
