package io.topformer.core

import kotlin.test.Test
import kotlin.test.assertContentEquals
import kotlin.test.assertFailsWith

class ColoursTest {
    @Test
    fun `labels are painted in the order of a bitmap's bytes, and hidden classes not at all`() {
        val colours = Colours(3)
        colours.load(intArrayOf(0xFF112233.toInt(), 0x00445566, 0xFFFFFFFF.toInt()))
        val out = IntArray(4)
        colours.paint(shortArrayOf(0, 1, 2, 0), out)
        assertContentEquals(intArrayOf(0xFF332211.toInt(), 0, -1, 0xFF332211.toInt()), out)
    }

    @Test
    fun `other numbers of colours and pixels are refused`() {
        val colours = Colours(3)
        assertFailsWith<IllegalArgumentException> { colours.load(IntArray(2)) }
        assertFailsWith<IllegalArgumentException> { colours.paint(ShortArray(3), IntArray(4)) }
    }
}
