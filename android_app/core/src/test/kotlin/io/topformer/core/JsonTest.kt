package io.topformer.core

import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith

/** What the edits of manifests do not show; there Python is the judge of what is JSON. */
class JsonTest {
    private fun reasonFor(bytes: ByteArray) = assertFailsWith<MalformedException> { parseJson(bytes) }.message

    private fun reasonFor(text: String) = reasonFor(text.toByteArray())

    @Test
    fun `names that come twice are refused`() {
        assertEquals("the name 'a' comes twice, at character 18", reasonFor("""{"a": 1, "b": {}, "a": 2}"""))
        assertEquals("the name 'a' comes twice, at character 7", reasonFor("""{"a":1,"\u0061":2}"""))
        parseJson("""[{"a": {"a": ["a", "a"]}}, {"a": 1}]""".toByteArray())
    }

    @Test
    fun `bytes that are not UTF-8 are refused`() {
        for (bytes in listOf("22ff22", "22c322", "22eda08022", "22c0af22", "ff")) {
            val text = bytes.chunked(2).map { it.toInt(16).toByte() }.toByteArray()
            assertEquals("it is not UTF-8", reasonFor(text), bytes)
        }
    }

    @Test
    fun `deep nesting ends with a message and not with the stack`() {
        for (open in listOf("[", "{\"a\":")) {
            assertEquals("it is nested too deeply, at character ${32 * open.length}", reasonFor(open.repeat(1_000_000)))
        }
        parseJson(("[".repeat(32) + "]".repeat(32)).toByteArray())
    }

    @Test
    fun `values that would fill the memory are refused before they are made`() {
        val count = 1 shl 19
        assertEquals("it holds too much, at character ${2 * count - 1}", reasonFor("[" + "1,".repeat(count) + "1]"))
        parseJson(("[" + "1,".repeat(count - 2) + "1]").toByteArray())
    }

    @Test
    fun `what is no JSON is told in one line`() {
        assertEquals(
            "it is no JSON: unexpected JSON token at offset 9: Expected end of the object or comma",
            reasonFor("""{"a": 1 "b": 2}"""),
        )
    }

    @Test
    fun `foreign text is shown short and harmless`() {
        assertEquals("a??b", shown("a\n\u0007b"))
        assertEquals("${"x".repeat(40)}...", shown("x".repeat(1000)))
    }
}
