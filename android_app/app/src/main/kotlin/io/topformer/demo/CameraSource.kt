package io.topformer.demo

import android.annotation.SuppressLint
import android.content.Context
import android.graphics.ImageFormat
import android.hardware.camera2.CameraAccessException
import android.hardware.camera2.CameraCaptureSession
import android.hardware.camera2.CameraCharacteristics
import android.hardware.camera2.CameraDevice
import android.hardware.camera2.CameraManager
import android.hardware.camera2.CaptureRequest
import android.hardware.camera2.params.OutputConfiguration
import android.hardware.camera2.params.SessionConfiguration
import android.media.ImageReader
import android.os.Handler
import android.os.HandlerThread
import android.util.Range

/** Why there are no frames. */
enum class CameraTrouble { NONE_THERE, IN_USE, NOT_ALLOWED, LOST }

/** Frames of one camera, delivered on a thread of its own, from [start] until [close]. */
class CameraSource(context: Context, private val listener: Listener) : AutoCloseable {
    /** Called on the camera's thread. */
    interface Listener {
        /** The listener closes the frame. */
        fun onFrame(frame: CameraFrame)

        fun onTrouble(trouble: CameraTrouble)
    }

    private val manager = context.getSystemService(CameraManager::class.java)
    private val thread = HandlerThread("camera").apply { start() }
    private val handler = Handler(thread.looper)

    // Touched on the camera's thread only.
    private var device: CameraDevice? = null
    private var reader: ImageReader? = null
    private var closed = false

    // The activity follows rotations without a restart of the camera.
    @Volatile
    private var displayDegrees = 0

    /** Opens a camera that looks this way, or any other; what goes wrong is told to the listener. */
    fun start(facing: Facing, displayDegrees: Int) {
        this.displayDegrees = displayDegrees
        handler.post { tryOpen(facing) }
    }

    fun turnTo(displayDegrees: Int) {
        this.displayDegrees = displayDegrees
    }

    override fun close() {
        handler.post { stop() }
        thread.quitSafely()
    }

    // A refusal arrives as SecurityException, and is answered.
    @SuppressLint("MissingPermission")
    private fun tryOpen(facing: Facing) = reporting {
        val ids = manager?.cameraIdList.orEmpty()
        val id = ids.firstOrNull { facingOf(it) == facing } ?: ids.firstOrNull()
        if (id == null) listener.onTrouble(CameraTrouble.NONE_THERE) else manager?.openCamera(id, onDevice, handler)
    }

    private fun facingOf(id: String): Facing =
        if (manager?.getCameraCharacteristics(id)?.get(CameraCharacteristics.LENS_FACING) ==
            CameraCharacteristics.LENS_FACING_FRONT
        ) {
            Facing.FRONT
        } else {
            Facing.BACK
        }

    private val onDevice = object : CameraDevice.StateCallback() {
        override fun onOpened(camera: CameraDevice) {
            device = camera
            if (closed) stop() else reporting { startSession(camera) }
        }

        override fun onDisconnected(camera: CameraDevice) = lose(camera, CameraTrouble.LOST)

        override fun onError(camera: CameraDevice, error: Int) = lose(camera, troubleOf(error))
    }

    private fun startSession(camera: CameraDevice) {
        val characteristics = manager?.getCameraCharacteristics(camera.id) ?: return
        val sizes = characteristics.get(CameraCharacteristics.SCALER_STREAM_CONFIGURATION_MAP)
            ?.getOutputSizes(ImageFormat.YUV_420_888).orEmpty().map { Size(it.width, it.height) }
        val size = frameSize(sizes) ?: return listener.onTrouble(CameraTrouble.NONE_THERE)
        val sensorDegrees = characteristics.get(CameraCharacteristics.SENSOR_ORIENTATION) ?: 0
        val facing = facingOf(camera.id)
        // One is being run, one waits, and the camera fills the others.
        val images = ImageReader.newInstance(size.width, size.height, ImageFormat.YUV_420_888, 4)
        reader = images
        images.setOnImageAvailableListener({ source ->
            source.acquireLatestImage()?.let { image ->
                val turn = turnOf(sensorDegrees, displayDegrees, facing)
                listener.onFrame(CameraFrame(image, turn, mirror = facing == Facing.FRONT))
            }
        }, handler)
        val rate = frameRate(characteristics.get(CameraCharacteristics.CONTROL_AE_AVAILABLE_TARGET_FPS_RANGES).orEmpty())
        val onSession = object : CameraCaptureSession.StateCallback() {
            override fun onConfigured(session: CameraCaptureSession) = reporting {
                val request = camera.createCaptureRequest(CameraDevice.TEMPLATE_PREVIEW)
                request.addTarget(images.surface)
                rate?.let { request.set(CaptureRequest.CONTROL_AE_TARGET_FPS_RANGE, it) }
                session.setRepeatingRequest(request.build(), null, handler)
            }

            override fun onConfigureFailed(session: CameraCaptureSession) = lose(camera, CameraTrouble.LOST)
        }
        camera.createCaptureSession(
            SessionConfiguration(
                SessionConfiguration.SESSION_REGULAR,
                listOf(OutputConfiguration(images.surface)),
                handler::post,
                onSession,
            ),
        )
    }

    private fun frameRate(ranges: Array<out Range<Int>>): Range<Int>? =
        ranges.filter { it.upper <= HIGHEST_RATE }.maxWithOrNull(compareBy({ it.upper }, { it.lower }))

    private fun lose(camera: CameraDevice, trouble: CameraTrouble) {
        device = camera
        stop()
        listener.onTrouble(trouble)
    }

    private fun stop() {
        closed = true
        device?.close()
        device = null
        reader?.close()
        reader = null
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
        }
    }

    private fun report(trouble: CameraTrouble) {
        stop()
        listener.onTrouble(trouble)
    }

    private companion object {
        const val HIGHEST_RATE = 30

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
