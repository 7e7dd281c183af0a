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
    private var opening = false
    private var device: CameraDevice? = null
    private var images: CameraImages? = null
    private var closed = false

    // The activity follows rotations without a restart of the camera.
    @Volatile
    private var displayDegrees = 0

    /** Opens a camera that looks this way, or any other; what goes wrong is told to the listener. */
    fun start(facing: Facing, displayDegrees: Int) {
        this.displayDegrees = displayDegrees
        handler.post { reporting { open(facing) } }
    }

    fun turnTo(displayDegrees: Int) {
        this.displayDegrees = displayDegrees
    }

    override fun close() {
        handler.post(::stop)
    }

    // A refusal arrives as SecurityException, and is answered.
    @SuppressLint("MissingPermission")
    private fun open(facing: Facing) {
        if (closed) return
        val ids = manager?.cameraIdList.orEmpty()
        val id = ids.firstOrNull { facingOf(it) == facing } ?: ids.firstOrNull()
        if (id == null) return report(CameraTrouble.NONE_THERE)
        manager?.openCamera(id, onDevice, handler)
        opening = true
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
            opening = false
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
        val size = frameSize(sizes) ?: return report(CameraTrouble.NONE_THERE)
        val sensorDegrees = characteristics.get(CameraCharacteristics.SENSOR_ORIENTATION) ?: 0
        val facing = facingOf(camera.id)
        val reader = CameraImages(size, handler) { image, onClosed ->
            val turn = turnOf(sensorDegrees, displayDegrees, facing)
            listener.onFrame(CameraFrame(image, turn, mirror = facing == Facing.FRONT, onClosed))
        }
        images = reader
        val rate = frameRate(characteristics.get(CameraCharacteristics.CONTROL_AE_AVAILABLE_TARGET_FPS_RANGES).orEmpty())
        val onSession = object : CameraCaptureSession.StateCallback() {
            override fun onConfigured(session: CameraCaptureSession) = reporting {
                val request = camera.createCaptureRequest(CameraDevice.TEMPLATE_PREVIEW)
                request.addTarget(reader.surface)
                rate?.let { request.set(CaptureRequest.CONTROL_AE_TARGET_FPS_RANGE, it) }
                session.setRepeatingRequest(request.build(), null, handler)
            }

            override fun onConfigureFailed(session: CameraCaptureSession) = lose(camera, CameraTrouble.LOST)
        }
        camera.createCaptureSession(
            SessionConfiguration(
                SessionConfiguration.SESSION_REGULAR,
                listOf(OutputConfiguration(reader.surface)),
                handler::post,
                onSession,
            ),
        )
    }

    private fun frameRate(ranges: Array<out Range<Int>>): Range<Int>? =
        ranges.filter { it.upper <= HIGHEST_RATE }.maxWithOrNull(compareBy({ it.upper }, { it.lower }))

    private fun lose(camera: CameraDevice, trouble: CameraTrouble) {
        opening = false
        device = camera
        if (closed) stop() else report(trouble)
    }

    private fun stop() {
        closed = true
        device?.close()
        device = null
        images?.close()
        images = null
        // A camera that is still being opened comes to this thread, to be closed.
        if (!opening) thread.quitSafely()
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
