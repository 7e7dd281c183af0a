package io.topformer.core

import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertFalse
import kotlin.test.assertTrue

class PlacementTest {
    private val placement = Placement()
    private val matrix = FloatArray(9)

    private fun place(picture: Pair<Int, Int>, view: Pair<Int, Int>, fills: Boolean = false) = placement.apply {
        pictureWidth = picture.first
        pictureHeight = picture.second
        viewWidth = view.first
        viewHeight = view.second
        this.fills = fills
    }

    private fun map(x: Float, y: Float) =
        (matrix[0] * x + matrix[1] * y + matrix[2]) to (matrix[3] * x + matrix[4] * y + matrix[5])

    private fun assertAt(expected: Pair<Float, Float>, found: Pair<Float, Float>) {
        assertEquals(expected.first, found.first, 0.01f)
        assertEquals(expected.second, found.second, 0.01f)
    }

    @Test
    fun `a picture is seen whole, or fills the view`() {
        place(480 to 640, 600 to 1000)
        assertEquals(listOf(0f, 100f, 600f, 800f), listOf(placement.left, placement.top, placement.width, placement.height))
        placement.fills = true
        assertEquals(listOf(-75f, 0f, 750f, 1000f), listOf(placement.left, placement.top, placement.width, placement.height))
    }

    @Test
    fun `a picture is seen whole in what is not covered, and fills the view behind it`() {
        place(480 to 640, 600 to 1000)
        placement.coveredTop = 40
        placement.coveredBottom = 320
        assertEquals(listOf(60f, 40f, 480f, 640f), listOf(placement.left, placement.top, placement.width, placement.height))
        placement.fills = true
        assertEquals(listOf(-75f, 0f, 750f, 1000f), listOf(placement.left, placement.top, placement.width, placement.height))
        // What it loses by that can be seen: made smaller, it is whole in the free part.
        placement.zoomBy(0.1f, 10f, 10f)
        assertEquals(listOf(60f, 40f, 480f, 640f), listOf(placement.left, placement.top, placement.width, placement.height).map(Math::round).map(Int::toFloat))
    }

    @Test
    fun `what is under the fingers stays there while a picture is zoomed`() {
        place(600 to 600, 600 to 1000)
        assertFalse(placement.isMoved)
        val x = placement.pictureX(200f)
        val y = placement.pictureY(450f)
        placement.zoomBy(2.5f, 200f, 450f)
        assertEquals(x, placement.pictureX(200f), 1e-4f)
        assertEquals(y, placement.pictureY(450f), 1e-4f)
        assertEquals(1500f, placement.width)
        placement.zoomBy(100f, 200f, 450f)
        assertEquals(4800f, placement.width)
        assertTrue(placement.isMoved)
        placement.reset()
        assertEquals(0f, placement.left)
        assertFalse(placement.isMoved)
    }

    @Test
    fun `a picture is not moved away`() {
        place(600 to 600, 600 to 1000)
        placement.moveBy(90f, 90f)
        assertFalse(placement.isMoved)
        placement.zoomBy(2f, 300f, 500f)
        placement.moveBy(5000f, 5000f)
        assertEquals(0f to 0f, placement.left to placement.top)
        placement.moveBy(-5000f, -5000f)
        assertEquals(600f to 1000f, placement.left + placement.width to placement.top + placement.height)
    }

    @Test
    fun `labels of any size are enlarged to the picture, and moved with it`() {
        place(480 to 640, 600 to 1000)
        placement.zoom = 2f
        placement.moveX = 30f
        placement.matrix(448, 448, 0, matrix)
        assertAt(-270f to -300f, map(0f, 0f))
        assertAt(930f to 1300f, map(448f, 448f))
        assertEquals(0.5f, placement.pictureX(330f), 1e-6f)
        assertEquals(0.5f, placement.pictureY(500f), 1e-6f)
    }

    /**
     * A preview is upright where the display is in its natural place, and a front camera's is mirrored there
     * (CameraCharacteristics.SENSOR_ORIENTATION, OutputConfiguration.MIRROR_MODE_AUTO). Labels are made of frames as the
     * sensor has them, turned and mirrored by the app (`turnOf`). Both ways each thing comes to one place of the view.
     */
    @Test
    fun `the preview and its labels lie on each other, whichever way phone and camera look`() {
        for (sensor in listOf(0, 90, 180, 270)) for (display in listOf(0, 90, 180, 270)) for (front in listOf(false, true)) {
            val turn = if (front) (sensor + display) % 360 else (sensor - display + 360) % 360
            val lying = turn % 180 == 90
            place(if (lying) 480 to 640 else 640 to 480, 700 to 900, fills = true)
            for (seen in listOf(0.1f to 0.2f, 0.7f to 0.4f)) {
                val label = turned(seen, turn).mirrored(front)
                placement.matrix(448, 320, 0, matrix)
                val labelAt = map(label.first * 448, label.second * 320)
                val natural = turned(seen, sensor).mirrored(front)
                placement.matrix(700, 900, (360 - display) % 360, matrix)
                assertAt(labelAt, map(natural.first * 700, natural.second * 900))
            }
        }
    }

    @Test
    fun `other turns are refused`() {
        assertFailsWith<IllegalArgumentException> { placement.matrix(1, 1, 45, matrix) }
    }

    /** A place of a picture, from 0 to 1, after the picture was turned clockwise. */
    private fun turned(place: Pair<Float, Float>, degrees: Int): Pair<Float, Float> =
        if (degrees == 0) place else turned(1 - place.second to place.first, degrees - 90)

    private fun Pair<Float, Float>.mirrored(mirror: Boolean) = if (mirror) 1 - first to second else this
}
