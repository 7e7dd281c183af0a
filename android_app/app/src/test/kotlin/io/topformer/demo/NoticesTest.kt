package io.topformer.demo

import android.hardware.camera2.CameraCharacteristics
import kotlin.test.Test
import kotlin.test.assertContains

/** What stands in the picture's place when there is no model or no camera. */
class NoticesTest : AppTest() {
    @Test
    fun `no model`() {
        phone.allowCamera()
        phone.addCamera("0", CameraCharacteristics.LENS_FACING_BACK)
        phone.start()
        phone.untilNotice("No model is in this app")
        phone.screenshot("no-model")
    }

    @Test
    fun `a manifest that is not understood`() {
        TestModel.install(phone.application, manifest = TestModel.manifest().replace("manifest/1", "manifest/9"))
        phone.start()
        phone.untilNotice("The manifest is not one this app understands.")
        assertContains(phone.text(R.id.notice_why), "schema")
        phone.screenshot("manifest-refused")
    }

    @Test
    fun `a file that is not its manifest's`() {
        TestModel.install(phone.application, content = "not 4 program".toByteArray())
        phone.start()
        phone.untilNotice("The model is not the file that its manifest describes.")
        phone.screenshot("wrong-hash")
    }

    @Test
    fun `no camera`() {
        TestModel.install(phone.application)
        phone.allowCamera()
        phone.start()
        phone.untilNotice("No camera was found")
        phone.screenshot("no-camera")
    }
}
