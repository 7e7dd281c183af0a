package io.topformer.demo

import android.Manifest
import android.content.pm.PackageManager
import android.graphics.Color
import android.hardware.camera2.CameraAccessException
import android.hardware.camera2.CameraCharacteristics
import android.hardware.camera2.CameraDevice.StateCallback
import android.hardware.camera2.CameraManager
import android.provider.MediaStore
import android.view.View
import org.robolectric.Shadows.shadowOf
import kotlin.test.BeforeTest
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFalse
import kotlin.test.assertTrue

/** Why there may be no frames: each reason is said, and what its button does leads back to the live picture. */
class CameraTroublesTest : AppTest() {
    @BeforeTest
    fun install() = TestModel.install(phone.application)

    @Test
    fun `another app has the camera when it is opened`() =
        refusedAtFirst(CameraAccessException(CameraAccessException.CAMERA_IN_USE), "Another app has the camera")

    @Test
    fun `the system refuses the camera`() = refusedAtFirst(SecurityException("no"), "The camera is switched off")

    @Test
    fun `a policy forbids the camera`() =
        refusedAtFirst(CameraAccessException(CameraAccessException.CAMERA_DISABLED), "The camera is switched off")

    @Test
    fun `the camera does not answer`() =
        refusedAtFirst(CameraAccessException(CameraAccessException.CAMERA_ERROR), "The camera was lost")

    @Test
    fun `an app of more importance takes the camera`() = failing(StateCallback.ERROR_CAMERA_IN_USE, "Another app has the camera")

    @Test
    fun `all cameras that can be used at once are in use`() =
        failing(StateCallback.ERROR_MAX_CAMERAS_IN_USE, "Another app has the camera")

    @Test
    fun `the camera is switched off while it is used`() = failing(StateCallback.ERROR_CAMERA_DISABLED, "The camera is switched off")

    @Test
    fun `the camera breaks`() = failing(StateCallback.ERROR_CAMERA_DEVICE, "The camera was lost")

    @Test
    fun `the cameras' service dies`() = failing(StateCallback.ERROR_CAMERA_SERVICE, "The camera was lost")

    @Test
    fun `the camera is unplugged`() {
        addCamera()
        val camera = phone.startLive()
        showFrame(camera)
        shadowOf(phone.application.getSystemService(CameraManager::class.java)).triggerDisconnect()
        phone.untilNotice("The camera was lost")
        phone.screenshot("camera-lost")
        noticed("The camera was lost", camera)
    }

    @Test
    fun `a camera that is lost while its picture is frozen comes back live`() {
        addCamera()
        val camera = phone.startLive()
        showFrame(camera)
        phone.click(R.id.freeze)
        LiveCamera.fail(StateCallback.ERROR_CAMERA_DEVICE)
        noticed("The camera was lost", camera)
        assertEquals("Freeze", phone.text(R.id.freeze))
    }

    @Test
    fun `another camera that is unplugged while it is listed is no trouble`() {
        addCamera()
        phone.addCamera("1", CameraCharacteristics.LENS_FACING_FRONT)
        LiveCamera.unpluggedId = "1"
        showFrame(phone.startLive())
        phone.untilLabels()
        assertFalse(phone.view<View>(R.id.flip).isEnabled)
    }

    @Test
    fun `a phone without cameras offers to open a picture`() {
        phone.allowCamera()
        phone.start()
        phone.untilNotice("No camera was found")
        phone.click(R.id.notice_action)
        val question = shadowOf(phone.activity).nextStartedActivityForResult.intent
        assertEquals(MediaStore.ACTION_PICK_IMAGES, question.action)
        assertEquals("image/*", question.type)
    }

    @Test
    fun `a refused permission can be given after all`() {
        addCamera()
        shadowOf(phone.application.packageManager).setShouldShowRequestPermissionRationale(CAMERA, true)
        phone.start()
        phone.answerForCamera(PackageManager.PERMISSION_DENIED)
        phone.untilNotice("The camera is not allowed")
        assertEquals("Allow", phone.text(R.id.notice_action))
        val asked = shadowOf(phone.activity).lastRequestedPermission
        phone.click(R.id.notice_action)
        assertFalse(shadowOf(phone.activity).lastRequestedPermission === asked, "It is not asked again.")
        phone.allowCamera()
        phone.answerForCamera(PackageManager.PERMISSION_GRANTED)
        showFrame(phone.untilLive())
    }

    private fun refusedAtFirst(refusal: Exception, what: String) {
        addCamera()
        phone.allowCamera()
        LiveCamera.refusal = refusal
        phone.start()
        noticed(what, refused = null)
    }

    private fun failing(error: Int, what: String) {
        addCamera()
        val camera = phone.startLive()
        showFrame(camera)
        LiveCamera.fail(error)
        noticed(what, camera)
    }

    /** The notice is there, the camera given back, and its button opens the camera once it can be. */
    private fun noticed(what: String, refused: FrameReader?) {
        phone.untilNotice(what)
        assertTrue(refused?.closed != false)
        assertEquals("Try again", phone.text(R.id.notice_action))
        LiveCamera.refusal = SecurityException("still")
        phone.click(R.id.notice_action)
        phone.untilNotice("The camera is switched off")
        LiveCamera.refusal = null
        phone.click(R.id.notice_action)
        showFrame(phone.untilLive())
        assertFalse(phone.isShown(R.id.notice))
    }

    private fun showFrame(camera: FrameReader) {
        val runs = phone.application.opened.last().runs
        camera.deliver(halves(Color.GRAY))
        phone.until("a frame") { phone.application.opened.last().runs > runs && phone.text(R.id.timing_line).isNotEmpty() }
    }

    private fun addCamera() = phone.addCamera("0", CameraCharacteristics.LENS_FACING_BACK)

    private companion object {
        const val CAMERA = Manifest.permission.CAMERA
    }
}
