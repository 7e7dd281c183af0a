package io.topformer.core

import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith

class ClassSharesTest {
    private val shares = ClassShares(5)

    @Test
    fun `shares are those of the last picture`() {
        shares.count(shortArrayOf(4, 4, 4, 4))
        shares.count(shortArrayOf(1, 3, 3, 3))
        assertEquals(listOf(0f, 0.25f, 0f, 0.75f, 0f), (0..4).map(shares::shareOf))
    }

    @Test
    fun `no class has a share before the first picture`() {
        assertEquals(0f, shares.shareOf(0))
    }

    @Test
    fun `a label that is no class is refused`() {
        assertFailsWith<IndexOutOfBoundsException> { shares.count(shortArrayOf(-1)) }
    }
}
