package io.topformer.core

import java.nio.ByteBuffer
import java.nio.charset.CharacterCodingException

/** What is wrong with a document; becomes the reason of a [ManifestException]. */
internal class MalformedException(message: String) : Exception(message)

private const val DEEPEST_NESTING = 32

/**
 * Reads one JSON document (RFC 8259) and nothing more lenient, as nested values: [Map], [List], [String], [Long],
 * [Double], [Boolean] and null. Throws [MalformedException], also for names that come twice.
 *
 * Our own, because a manifest must be read the same way on a phone and in the tests. Android's org.json takes much that
 * is no JSON and the JVM's takes other things; kotlinx.serialization's tree takes unquoted words.
 */
internal fun parseJson(bytes: ByteArray): Any? {
    val text = try {
        Charsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString()
    } catch (_: CharacterCodingException) {
        throw MalformedException("it is not UTF-8")
    }
    return JsonParser(text).document()
}

private class JsonParser(private val text: String) {
    private var at = 0

    fun document(): Any? {
        val value = value(depth = 0)
        skipSpace()
        if (at < text.length) fail("nothing may follow the document")
        return value
    }

    private fun value(depth: Int): Any? {
        if (depth > DEEPEST_NESTING) fail("it is nested too deeply")
        skipSpace()
        return when (peek()) {
            '{' -> members(depth)
            '[' -> elements(depth)
            '"' -> string()
            't' -> word("true", true)
            'f' -> word("false", false)
            'n' -> word("null", null)
            else -> number()
        }
    }

    private fun members(depth: Int): Map<String, Any?> {
        val members = LinkedHashMap<String, Any?>()
        each('{', '}') {
            skipSpace()
            if (peek() != '"') fail("a name is expected")
            val name = string()
            if (name in members) fail("the name ${quoted(name)} comes twice")
            skipSpace()
            expect(':')
            members[name] = value(depth + 1)
        }
        return members
    }

    private fun elements(depth: Int): List<Any?> {
        val elements = ArrayList<Any?>()
        each('[', ']') { elements += value(depth + 1) }
        return elements
    }

    private inline fun each(open: Char, close: Char, read: () -> Unit) {
        expect(open)
        skipSpace()
        if (peek() != close) {
            while (true) {
                read()
                skipSpace()
                if (peek() != ',') break
                at++
            }
        }
        expect(close)
    }

    private fun string(): String {
        expect('"')
        val start = at
        while (peek() != '"' && peek() != '\\' && peek() >= ' ') at++
        val string = StringBuilder().append(text, start, at)
        while (peek() != '"') {
            val next = text[at++]
            when {
                next == '\\' -> string.append(escaped())
                next >= ' ' -> string.append(next)
                else -> fail("a string holds a control character")
            }
        }
        at++
        if (Charsets.UTF_8.newEncoder().canEncode(string).not()) fail("a string holds half a character")
        return string.toString()
    }

    private fun escaped(): Char {
        val next = peek()
        at++
        return when (next) {
            '"', '\\', '/' -> next
            'b' -> '\b'
            'f' -> '\u000C'
            'n' -> '\n'
            'r' -> '\r'
            't' -> '\t'
            'u' -> {
                val digits = text.substring(at, minOf(at + 4, text.length))
                if (!HEX.matches(digits)) fail("\\u needs four hexadecimal digits")
                at += 4
                digits.toInt(16).toChar()
            }
            else -> fail("it holds an unknown escape")
        }
    }

    private fun number(): Any {
        val start = at
        while (at < text.length && text[at] in "+-.0123456789Ee") at++
        val digits = text.substring(start, at)
        if (!NUMBER.matches(digits)) fail("a value is expected")
        digits.toLongOrNull()?.let { return it }
        val number = digits.toDouble()
        if (!number.isFinite()) fail("a number is too large")
        return number
    }

    private fun <T> word(word: String, value: T): T {
        if (!text.startsWith(word, at)) fail("a value is expected")
        at += word.length
        return value
    }

    private fun skipSpace() {
        while (at < text.length && text[at] in " \t\n\r") at++
    }

    private fun expect(char: Char) {
        if (peek() != char) fail("'$char' is expected")
        at++
    }

    private fun peek(): Char = if (at < text.length) text[at] else fail("it ends too early")

    private fun fail(problem: String): Nothing = throw MalformedException("$problem, at character $at")

    private companion object {
        val HEX = Regex("[0-9A-Fa-f]{4}")
        val NUMBER = Regex("-?(0|[1-9][0-9]*)(\\.[0-9]+)?([eE][+-]?[0-9]+)?")
    }
}

/** Shows foreign text in a message: short, and without what could disturb a screen. */
internal fun quoted(text: String): String {
    val shown = text.take(40).map { if (it.isISOControl() || it.isSurrogate()) '?' else it }.joinToString("")
    return if (text.length > 40) "'$shown...'" else "'$shown'"
}
