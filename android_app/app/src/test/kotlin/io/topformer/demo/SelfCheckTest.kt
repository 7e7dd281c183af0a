package io.topformer.demo

import android.content.ComponentCallbacks2
import android.view.View
import android.widget.Button
import org.robolectric.shadows.ShadowPopupMenu
import kotlin.test.BeforeTest
import kotlin.test.Test
import kotlin.test.assertContains
import kotlin.test.assertEquals
import kotlin.test.assertFalse
import kotlin.test.assertTrue

/** What the check at start says is seen and heard, and nobody is stopped by it for good. */
class SelfCheckTest : AppTest() {
    @BeforeTest
    fun installModel() = TestModel.install(phone.application)

    @Test
    fun `a right answer is a line in the panel`() {
        startWith(TestGolden.of())
        phone.until("a checked model") { phone.text(R.id.check_line) == "Self-check passed" }
        assertFalse(phone.isShown(R.id.notice))
    }

    @Test
    fun `other labels are a notice that says by how much, and is not asked twice`() {
        startWith(TestGolden.of(shift = 1))
        phone.untilNotice("This device computes other labels")
        val why = phone.text(R.id.notice_why)
        assertContains(why, Regex("""picture.*: \d+\.\d\d % of the labels are equal, where 99\.99 % .* to -?\d+ dB, where 60 dB"""))
        assertEquals("This device computes other labels", phone.text(R.id.check_line))
        phone.screenshot("check-differs")
        phone.turn(PHONE_ON_ITS_SIDE)
        assertEquals(why, phone.text(R.id.notice_why))

        phone.openPicture(streetPicture(300, 400))
        assertEquals("Go on anyway", phone.text(R.id.notice_action))
        phone.click(R.id.notice_action)
        phone.untilLabels()

        phone.controller.pause().stop()
        phone.activity.onTrimMemory(ComponentCallbacks2.TRIM_MEMORY_BACKGROUND)
        phone.controller.restart().start().resume()
        phone.until("the model open again") { phone.application.opened.size == 2 }
        phone.untilLabels()
        phone.settle()
        assertEquals("This device computes other labels", phone.text(R.id.check_line))
        assertFalse(phone.isShown(R.id.notice))
    }

    @Test
    fun `another model can be chosen instead`() {
        startWith(TestGolden.of(shift = 2))
        phone.untilNotice("This device computes other labels")
        assertEquals("Choose a model", phone.activity.requireViewById<Button>(R.id.notice_second_action).text)
        phone.click(R.id.notice_second_action)
        assertEquals(TestModel.NAME, ShadowPopupMenu.getLatestPopupMenu().menu.getItem(0).title)
    }

    @Test
    fun `another model's golden file is a notice`() {
        startWith(TestGolden.of(modelSha256 = "ab".repeat(32)))
        phone.untilNotice("The model can't be checked on this device.")
        assertEquals("It was made for a model file with another hash.", phone.text(R.id.notice_why))
        assertTrue(phone.isShown(R.id.notice_second_action))
    }

    @Test
    fun `a damaged golden file is a notice`() {
        startWith(TestGolden.of().also { it[200] = (it[200] + 1).toByte() })
        phone.untilNotice("The model's golden file can't be used.")
        assertEquals("It was damaged: its hash is another.", phone.text(R.id.notice_why))
        phone.click(R.id.notice_action)
        assertFalse(phone.isShown(R.id.notice))
    }

    @Test
    fun `a screen reader says every notice`() {
        startWith(TestGolden.of(shift = 1))
        phone.untilNotice("This device computes other labels")
        val notice = phone.activity.requireViewById<View>(R.id.notice)
        assertEquals(View.ACCESSIBILITY_LIVE_REGION_POLITE, notice.accessibilityLiveRegion)
        assertTrue(notice.isImportantForAccessibility)
    }

    private fun startWith(golden: ByteArray) {
        TestModel.goldenFile(phone.application).writeBytes(golden)
        phone.start()
    }
}
