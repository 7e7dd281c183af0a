package io.topformer.demo

import android.view.View
import org.robolectric.Shadows.shadowOf
import org.robolectric.shadows.ShadowAlertDialog
import kotlin.test.Test
import kotlin.test.assertContains
import kotlin.test.assertFalse
import kotlin.test.assertTrue

/** What the app tells of its model, in the words of the model's own manifest. */
class AboutTest : AppTest() {
    @Test
    fun `a model's origin and licence can be read in full`() {
        val licence = "CamVid's pictures: for research and other non-commercial use only, as their authors ask."
        val manifest = TestModel.manifest().replace("Apache-2.0", licence).replace("\"libraries\": {}", "\"libraries\": {\"executorch\": \"1.5.1\"}")
        TestModel.install(phone.application, manifest = manifest)
        TestModel.goldenFile(phone.application).writeBytes(TestGolden.of())
        phone.start()
        phone.until("a model") { phone.text(R.id.model_line).isNotEmpty() }
        val text = about()
        for (part in listOf("tiny, 64 × 64, 6 classes", "${TestModel.NAME}.pte, 13 B, fp32, xnnpack", licence, "test, a test", TestGolden.CREDIT)) {
            assertContains(text, part)
        }
        assertContains(text, Regex("SHA-256 begins with\n[0-9a-f]{12}\n"))
        assertContains(text, "Runs in\nExecuTorch 1.5.1")
        assertContains(text, "Made with\nexecutorch 1.5.1")
        phone.screenshot("about")
        assertContains(text, "Proof of its export\nnone in its manifest")
    }

    @Test
    fun `without a golden file there is no picture to credit`() {
        TestModel.install(phone.application)
        phone.start()
        phone.until("a model") { phone.text(R.id.model_line).isNotEmpty() }
        assertFalse("self-check" in about())
    }

    @Test
    fun `without a model there is nothing to tell`() {
        phone.start()
        phone.untilNotice("No model is in this app")
        phone.showDetails()
        assertFalse(phone.view<View>(R.id.about_model).isEnabled)
    }

    private fun about(): String {
        phone.showDetails()
        phone.click(R.id.about_model)
        return shadowOf(ShadowAlertDialog.getLatestAlertDialog()).message.toString()
    }
}
