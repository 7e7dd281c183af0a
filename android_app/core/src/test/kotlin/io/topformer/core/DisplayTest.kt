package io.topformer.core

import kotlin.math.abs
import kotlin.test.Test
import kotlin.test.assertContentEquals
import kotlin.test.assertEquals
import kotlin.test.assertTrue

/** Names, colours and painted labels as people see them. */
class DisplayTest {
    @Test
    fun `names are written as people write them`() {
        val shown = listOf("sky", "sign_symbol", "SignSymbol", "traffic light", "TV", "wall-brick", "crt screen", "", "_", "été_chaud")
            .map(::displayName)
        val expected = listOf("Sky", "Sign symbol", "Sign symbol", "Traffic light", "TV", "Wall-brick", "Crt screen", "", "_", "Été chaud")
        assertEquals(expected, shown)
    }

    @Test
    fun `display colours are vivid, and each is its own`() {
        // PASCAL VOC's first colours, with black, greys and pairs that are hard to tell apart.
        val own = intArrayOf(0x000000, 0x800000, 0x008000, 0x808000, 0x000080, 0x800080, 0x008080, 0x808080, 0x400000, 0xC00000, 0x7F7F7F, 0x0000FF)
        val vivid = vividPalette(own)
        assertEquals(own.size, vivid.toSet().size)
        for (colour in vivid) {
            assertEquals(0xFF, colour ushr 24)
            val channels = listOf(16, 8, 0).map { colour shr it and 0xFF }
            assertTrue(channels.max() >= 180 && channels.max() - channels.min() >= 110, Integer.toHexString(colour))
        }
        // Blue stays blue, red stays red.
        fun blueOverRed(colour: Int) = (colour and 0xFF) - (colour shr 16 and 0xFF)
        assertTrue(blueOverRed(vivid[11]) > 100, Integer.toHexString(vivid[11]))
        assertTrue(blueOverRed(vivid[1]) < -100, Integer.toHexString(vivid[1]))
        assertContentEquals(vivid, vividPalette(own))
    }

    @Test
    fun `many classes get colours too`() {
        val own = IntArray(150) { it * 0x9E3779 and 0xFFFFFF }
        assertEquals(50, vividPalette(own.copyOf(50)).toSet().size)
        // Of these there are not so many that can be told apart.
        val vivid = vividPalette(own)
        assertEquals(150, vivid.size)
        assertTrue(vivid.toSet().size > 60, "${vivid.toSet().size} colours")
    }

    @Test
    fun `labels are painted with lines along their borders`() {
        val labels = shortArrayOf(
            0, 0, 0, 1, 1, 1,
            0, 0, 0, 1, 1, 1,
            0, 0, 0, 1, 1, 1,
            0, 0, 0, 2, 2, 2,
        )
        val colours = LabelColours(inside = intArrayOf(10, 11, 12), line = intArrayOf(20, 21, 22))
        val out = IntArray(labels.size)
        paintLabels(labels, 6, 4, thickness = 1, colours, out)
        val expected = intArrayOf(
            10, 10, 20, 21, 11, 11,
            10, 10, 20, 21, 11, 11,
            10, 10, 20, 21, 21, 21,
            10, 10, 20, 22, 22, 22,
        )
        assertContentEquals(expected, out)
        paintLabels(labels, 6, 4, thickness = 2, colours, out)
        assertContentEquals(intArrayOf(10, 20, 20, 21, 21, 11), out.copyOf(6))
    }

    @Test
    fun `shares are followed slowly`() {
        val ranking = ClassRanking(2, step = 0.01f)
        ranking.update(floatArrayOf(1f, 0f), nowMs = 0)
        assertEquals(1f, ranking.amountOf(0))
        ranking.update(floatArrayOf(0f, 1f), nowMs = 600)
        assertTrue(abs(ranking.amountOf(0) - 0.368f) < 0.001f, "${ranking.amountOf(0)}")
        assertEquals(listOf(1, 0), list(ranking))
        repeat(9) { ranking.update(floatArrayOf(0f, 1f), nowMs = 1200L + 600 * it) }
        assertEquals(listOf(1), list(ranking))
    }

    @Test
    fun `a list does not flicker where classes are about as large or hardly there`() {
        val ranking = ClassRanking(4, step = 0.01f)
        ranking.update(floatArrayOf(0.012f, 0.018f, 0.956f, 0.004f), nowMs = 0)
        // The first picture is sorted to the point; less than half a percent is not there.
        assertEquals(listOf(2, 1, 0), list(ranking))
        for (frame in 1L..40) {
            val more = if (frame % 2 == 0L) 0.008f else 0f
            ranking.update(floatArrayOf(0.012f + more, 0.018f, 0.956f, 0.002f + more / 2), nowMs = frame * 400)
            assertEquals(listOf(2, 1, 0), list(ranking).filter { it != 3 })
        }
        repeat(9) { ranking.update(floatArrayOf(0.05f, 0.018f, 0.932f, 0f), nowMs = 20_000L + 600 * it) }
        assertEquals(listOf(2, 0, 1), list(ranking))
        ranking.clear()
        assertEquals(0, ranking.size)
    }

    @Test
    fun `numbers of boxes are listed from one that is seen most of the time`() {
        val ranking = ClassRanking(3, step = 1f)
        ranking.update(floatArrayOf(0f, 1f, 2f), nowMs = 0)
        assertEquals(listOf(2, 1), list(ranking))
        // Another one for a moment does not change the order; a box that has gone goes.
        ranking.update(floatArrayOf(1f, 3f, 2f), nowMs = 100)
        assertEquals(listOf(2, 1), list(ranking))
        repeat(20) { ranking.update(floatArrayOf(1f, 0f, 2f), nowMs = 200L + 100 * it) }
        assertEquals(listOf(2, 0), list(ranking))
    }

    private fun list(ranking: ClassRanking) = List(ranking.size, ranking::classAt)
}
