package io.topformer.core

import kotlin.test.Test
import kotlin.test.assertContentEquals
import kotlin.test.assertFailsWith

class ColoursTest {
    @Test
    fun `each label has its class's colour`() {
        val colours = Colours(3)
        colours.load(intArrayOf(11, 0, 33))
        val out = IntArray(4)
        colours.paint(shortArrayOf(0, 1, 2, 0), out)
        assertContentEquals(intArrayOf(11, 0, 33, 11), out)
    }

    @Test
    fun `other numbers of colours and pixels are refused`() {
        val colours = Colours(3)
        assertFailsWith<IllegalArgumentException> { colours.load(IntArray(2)) }
        assertFailsWith<IllegalArgumentException> { colours.paint(ShortArray(3), IntArray(4)) }
    }
}
