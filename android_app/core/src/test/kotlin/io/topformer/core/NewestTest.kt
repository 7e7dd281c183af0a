package io.topformer.core

import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertNotNull
import kotlin.test.assertNull

class NewestTest {
    private val inputs = Newest(listOf("a", "b"))

    @Test
    fun `of what was published the newest is used, once`() {
        assertNull(inputs.use())
        for (input in listOf("a", "b")) {
            assertEquals(input, inputs.take())
            inputs.publish(input)
        }
        assertEquals("b", inputs.use())
        assertNull(inputs.use())
        assertEquals("a", inputs.take())
    }

    @Test
    fun `while one is used the other is filled as often as there is something newer`() {
        inputs.publish(assertNotNull(inputs.take()))
        assertEquals("a", inputs.use())
        repeat(3) {
            assertEquals("b", inputs.take())
            inputs.publish("b")
        }
        assertEquals("b", inputs.take())
        // It is being filled, and the other is used.
        assertNull(inputs.take())
        assertNull(inputs.use())
        inputs.giveBack("a")
        assertEquals("a", inputs.take())
    }
}
