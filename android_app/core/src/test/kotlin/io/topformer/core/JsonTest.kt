package io.topformer.core

import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith

class JsonTest {
    private fun parse(text: String) = parseJson(text.toByteArray())

    @Test
    fun `values of every kind`() {
        val expected = mapOf(
            "a" to listOf(1L, -2L, 0.5, -250.0, 0L, Long.MIN_VALUE),
            "" to mapOf("t" to true, "f" to false, "n" to null),
            "b" to emptyList<Any>(),
            "c" to emptyMap<String, Any>(),
        )
        val text = """ {"a": [1,-2, 0.5,-2.5E+2,-0,-9223372036854775808],
            "":{"t":true,"f" : false,"n":null},"b":[ ],"c":{ } } """
        assertEquals<Any?>(expected, parse(text + "\r\n\t"))
    }

    @Test
    fun `strings with and without escapes`() {
        val text = "\"pl\u00e4in \uD83C\uDF33 \\\" \\\\ \\/ \\b\\f\\n\\r\\t \\u00e9\\uD83C\\udf33 \\u0000\""
        val expected = "pl\u00e4in \uD83C\uDF33 \" \\ / \b\u000C\n\r\t \u00e9\uD83C\uDF33 \u0000"
        assertEquals<Any?>(expected, parse(text))
    }

    @Test
    fun `whole numbers beyond 64 bits are floating point`() {
        assertEquals<Any?>(1e20, parse("100000000000000000000"))
    }

    @Test
    fun `nothing more lenient than JSON is taken`() {
        val refused = listOf(
            "", " ", "{", "[", "[1", "[1,", "[1,]", "[,1]", "[1 2]", "1 2", "{}{}",
            "\uFEFF{}", "\u00a01", "// c\n1", "/* */ 1",
            "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}", "{'a':1}", "{1:1}", "{\"a\":1 \"b\":2}",
            "tru", "True", "nul", "undefined", "NaN", "Infinity", "-Infinity",
            "01", "+1", "1.", ".5", "-", "1e", "0x10", "1_000", "1e999", "-1e999",
            "\"", "\"\\", "\"\\u12", "\"\\u12G4\"", "\"\\x41\"", "\"a\nb\"", "\"\t\"",
            "\"\\ud800\"", "\"\\udc00\\ud800\"",
        )
        for (text in refused) assertFailsWith<MalformedException>("taken: $text") { parse(text) }
    }

    @Test
    fun `names that come twice are refused`() {
        val error = assertFailsWith<MalformedException> { parse("""{"a": 1, "b": {}, "a": 2}""") }
        assertEquals("the name 'a' comes twice, at character 21", error.message)
    }

    @Test
    fun `bytes that are not UTF-8 are refused`() {
        for (bytes in listOf("22ff22", "22c322", "22eda08022", "22c0af22", "ff")) {
            val text = bytes.chunked(2).map { it.toInt(16).toByte() }.toByteArray()
            assertFailsWith<MalformedException>(bytes) { parseJson(text) }
        }
    }

    @Test
    fun `deep nesting ends with a message and not with the stack`() {
        for (open in listOf("[", "{\"a\":")) {
            val error = assertFailsWith<MalformedException> { parse(open.repeat(1_000_000)) }
            assertEquals(true, error.message?.startsWith("it is nested too deeply"))
        }
    }

    @Test
    fun `foreign text is shown short and harmless`() {
        assertEquals("'a??b'", quoted("a\n\u0007b"))
        assertEquals("'${"x".repeat(40)}...'", quoted("x".repeat(1000)))
    }
}
