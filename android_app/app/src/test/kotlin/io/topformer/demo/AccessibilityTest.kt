package io.topformer.demo

import android.graphics.Rect
import android.view.View
import android.view.ViewGroup
import android.widget.HorizontalScrollView
import android.widget.ImageView
import android.widget.ScrollView
import android.widget.SeekBar
import android.widget.TextView
import org.robolectric.RuntimeEnvironment
import org.robolectric.annotation.Config
import java.io.File
import kotlin.test.Test
import kotlin.test.assertContains
import kotlin.test.assertEquals
import kotlin.test.assertFalse
import kotlin.test.assertTrue

/** The screen for those who hear it, need large letters, or can't hit small buttons. */
class AccessibilityTest : AppTest() {
    @Test
    fun `all that can be pressed has a name of its own and is large enough for a finger`() {
        showPicture()
        assertPressable(atLeast = 5 + CLASSES + 3)
    }

    private fun assertPressable(atLeast: Int) {
        val pressed = views().filter { it.isShown && (it.isClickable || it is SeekBar) }
        assertTrue(pressed.size >= atLeast, "${pressed.size}")
        val names = pressed.map { it.contentDescription?.toString() ?: (it as? TextView)?.text.toString() }
        assertTrue(names.all { it.isNotBlank() && it != "null" }, "$names")
        assertEquals(names.size, names.toSet().size, "$names")
        val least = 48 * phone.activity.resources.displayMetrics.density
        for (view in pressed) assertTrue(view.width >= least && view.height >= least, "$view is small")
    }

    @Test
    fun `a button that changes what it does changes its name`() {
        showPicture()
        assertEquals("Camera", phone.text(R.id.freeze))
        phone.click(R.id.freeze)
        assertEquals("Freeze", phone.text(R.id.freeze))
        assertEquals("Details", phone.text(R.id.details_button))
        phone.showDetails()
        assertEquals("Less", phone.text(R.id.details_button))
    }

    @Test
    fun `all in the details can be pressed too`() {
        showPicture()
        phone.showDetails()
        assertPressable(atLeast = 5 + CLASSES + 3 + 4)
    }

    @Test
    fun `what a class of the legend does is said`() {
        showPicture()
        val chip = phone.chip("Sky")
        val info = chip.createAccessibilityNodeInfo()
        assertEquals("android.widget.Button", info.className)
        val said = info.actionList.mapNotNull { it.label?.toString() }
        assertEquals(setOf("show alone", "hide or show"), said.toSet())
        phone.longPress(chip)
        assertContains(phone.chip("Sky").contentDescription.toString(), "hidden")
    }

    @Test
    fun `all that is pressed by its text is called a button`() {
        showPicture()
        phone.showDetails()
        val pressed = views().filter { it.isShown && it.isClickable && it is TextView }
        assertTrue(pressed.size >= 5 + CLASSES + 1 + 4, "${pressed.size}")
        val roles = pressed.associateWith { it.createAccessibilityNodeInfo().className.toString().substringAfterLast('.') }
        assertEquals(emptyMap(), roles.filterValues { it != "Button" && it != "RadioButton" })
    }

    @Test
    fun `whether the bare picture is shown is said`() {
        showPicture()
        val compare = phone.view<View>(R.id.compare)
        assertEquals("off", compare.createAccessibilityNodeInfo().stateDescription)
        phone.press(compare)
        assertEquals("on", compare.createAccessibilityNodeInfo().stateDescription)
    }

    @Test
    @Config(qualifiers = "ar-ldrtl-$PHONE_ON_ITS_SIDE")
    fun `the sheet is on the left where lines begin on the right`() {
        showPicture()
        val place = Rect()
        phone.view<View>(R.id.sheet).getGlobalVisibleRect(place)
        assertTrue(place.right < phone.view<View>(R.id.root).width / 2, "$place")
        assertTrue(phone.view<PictureView>(R.id.picture).placeOf(0f, 0f).x > place.right, "The sheet lies over the picture.")
    }

    @Test
    fun `a picture is described only where there is one`() {
        TestModel.install(phone.application)
        phone.allowCamera()
        phone.start()
        val picture = phone.view<View>(R.id.picture)
        assertFalse(picture.isImportantForAccessibility || picture.isFocusable, "before there is one")
        phone.untilNotice("No camera was found")
        assertFalse(picture.isImportantForAccessibility || picture.isFocusable, "behind a notice")
        phone.openPicture(streetPicture(300, 400))
        phone.untilLabels()
        assertTrue(picture.isImportantForAccessibility && picture.isFocusable)
    }

    @Test
    fun `notices are said as they come`() {
        phone.start()
        assertEquals(View.ACCESSIBILITY_LIVE_REGION_POLITE, phone.view<View>(R.id.notice).accessibilityLiveRegion)
        phone.untilNotice("No model is in this app")
    }

    @Test
    fun `no text is cut at any font size`() = forAllFonts { pictureIsWhole() }

    @Test
    @Config(qualifiers = "w320dp-h569dp-mdpi")
    fun `no text is cut on a small phone`() = forAllFonts { pictureIsWhole() }

    @Test
    @Config(qualifiers = PHONE_ON_ITS_SIDE)
    fun `no text is cut in landscape`() = forAllFonts { pictureIsWhole() }

    @Test
    @Config(qualifiers = HALF_OF_A_PHONE_ON_ITS_SIDE)
    fun `no text is cut in half of a screen`() = forAllFonts { pictureIsWhole() }

    @Test
    @Config(qualifiers = HALF_OF_A_PHONE_ON_ITS_SIDE)
    fun `half of a screen is not left to the sheet`() {
        showPicture(streetPicture(640, 360))
        val view = phone.view<PictureView>(R.id.picture)
        val width = view.placeOf(1f, 1f).x - view.placeOf(0f, 0f).x
        assertTrue(width > view.width / 3, "The picture is $width wide in ${view.width}.")
    }

    @Test
    @Config(qualifiers = "w320dp-h569dp-mdpi")
    fun `no notice is cut on a small phone`() = forAllFonts { noticeIsWhole() }

    @Test
    @Config(qualifiers = PHONE_ON_ITS_SIDE)
    fun `no notice is cut in landscape`() = forAllFonts { noticeIsWhole() }

    private fun forAllFonts(check: () -> Unit) {
        for (scale in listOf(1f, 1.3f, 2f)) {
            RuntimeEnvironment.setFontScale(scale)
            check()
            phone.controller.close()
        }
    }

    private fun pictureIsWhole() {
        showPicture()
        assertWhole(atLeast = 8)
        assertTrue(phone.view<View>(R.id.picture).height > 100, "The picture is lost.")
    }

    private fun noticeIsWhole() {
        phone.application.filesDir.resolve("models").deleteRecursively()
        phone.start()
        phone.untilNotice("No model is in this app")
        phone.settle()
        assertWhole(atLeast = 3)
    }

    private fun showPicture(file: File = streetPicture(300, 400)) {
        TestModel.install(phone.application)
        phone.start()
        phone.openPicture(file)
        phone.untilLabels()
        phone.settle()
    }

    /** Every text is shown in full: on the screen, or where scrolling brings it. */
    private fun assertWhole(atLeast: Int) {
        val texts = views().filterIsInstance<TextView>().filter { it.isShown && it.text.isNotEmpty() }
        assertTrue(texts.size >= atLeast, "${texts.map { it.text }}")
        for (text in texts) {
            val layout = text.layout
            val cut = (0 until layout.lineCount).any { layout.getEllipsisCount(it) > 0 }
            val room = text.height - text.compoundPaddingTop - text.compoundPaddingBottom
            assertTrue(!cut && layout.height <= room, "'${text.text}' is cut.")
        }
        for (view in views().filter { it.isShown && (it is TextView || it is ImageView) && it.scrolls().not() }) {
            val seen = Rect()
            view.getGlobalVisibleRect(seen)
            assertEquals(view.width to view.height, seen.width() to seen.height(), "${view.javaClass} ${(view as? TextView)?.text}")
        }
    }

    private fun View.scrolls(): Boolean = generateSequence(parent) { it.parent }.any { it is ScrollView || it is HorizontalScrollView }

    private fun views(view: View = phone.activity.window.decorView): List<View> =
        listOf(view) + if (view is ViewGroup) List(view.childCount) { views(view.getChildAt(it)) }.flatten() else emptyList()

    private companion object {
        const val CLASSES = 6
        const val HALF_OF_A_PHONE_ON_ITS_SIDE = "w440dp-h387dp-land-mdpi"
    }
}
