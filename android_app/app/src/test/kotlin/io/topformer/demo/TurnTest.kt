package io.topformer.demo

import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertNull

class TurnTest {
    // Source: CameraX, CameraOrientationUtil.getRelativeImageRotation: the two directions of a sensor at 90 and 270.
    @Test
    fun `frames are turned upright whichever way phone and camera look`() {
        assertEquals(listOf(90, 0, 270, 180), listOf(0, 90, 180, 270).map { turnOf(90, it, Facing.BACK) })
        assertEquals(listOf(270, 0, 90, 180), listOf(0, 90, 180, 270).map { turnOf(270, it, Facing.FRONT) })
    }

    @Test
    fun `frames are about as large as models want them`() {
        val sizes = listOf(Size(4000, 3000), Size(640, 480), Size(320, 240))
        assertEquals(Size(640, 480), frameSize(sizes))
        assertEquals(Size(320, 240), frameSize(sizes.takeLast(1)))
        assertNull(frameSize(emptyList()))
    }

    @Test
    fun `a preview has the shape of the frames, and is no finer than screens need it`() {
        val sizes = listOf(Size(4000, 3000), Size(1920, 1080), Size(1280, 720), Size(1280, 960), Size(640, 480))
        assertEquals(Size(1280, 960), previewSize(sizes, Size(640, 480)))
        assertEquals(Size(1280, 720), previewSize(sizes, Size(640, 360)))
        assertEquals(Size(720, 480), previewSize(sizes, Size(720, 480)))
    }

    @Test
    fun `exposure may take its time in the dark, but not so long that the picture smears`() {
        assertEquals(15..30, frameRate(listOf(15..15, 7..30, 15..30, 30..30, 30..60, 60..60)))
        assertEquals(24..30, frameRate(listOf(30..30, 24..30, 24..24)))
        assertEquals(7..30, frameRate(listOf(7..30, 30..30)))
        assertEquals(30..30, frameRate(listOf(30..30, 15..15)))
        assertEquals(15..24, frameRate(listOf(24..24, 15..24)))
        assertNull(frameRate(listOf(60..60)))
        assertNull(frameRate(emptyList()))
    }

    @Test
    fun `labels fill the view as the picture does, up to a million`() {
        assertEquals(Size(1080, 810), fit(640, 480, 1080, 1400))
        assertEquals(Size(640, 480), fit(640, 480, 0, 0))
        val large = fit(640, 480, 4000, 3000)
        assert(large.width * large.height in 990_000..1_000_000) { "$large" }
    }

    private fun fit(width: Int, height: Int, viewWidth: Int, viewHeight: Int): Size {
        val scale = fitScale(width, height, viewWidth, viewHeight)
        return Size(scaled(width, scale), scaled(height, scale))
    }
}
