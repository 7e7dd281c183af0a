@file:OptIn(ExperimentalSerializationApi::class)

package io.topformer.core

import kotlinx.serialization.ExperimentalSerializationApi
import kotlinx.serialization.KSerializer
import kotlinx.serialization.SerializationException
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonNamingStrategy
import java.nio.ByteBuffer
import java.nio.charset.CharacterCodingException

/** What is wrong with a document; becomes the reason of a [ManifestException]. */
internal class MalformedException(message: String) : Exception(message)

internal val MEMBER_NAMES: JsonNamingStrategy = JsonNamingStrategy.SnakeCase

internal val JSON: Json = Json {
    ignoreUnknownKeys = true
    namingStrategy = MEMBER_NAMES
}

/** Reads any document; throws [MalformedException] for what is no JSON (RFC 8259). */
internal fun parseJson(bytes: ByteArray): JsonElement = try {
    val text = Charsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString()
    checkWords(text)
    JSON.parseToJsonElement(text).also {
        if (!Charsets.UTF_8.newEncoder().canEncode("$it")) throw MalformedException("it holds half a character")
    }
} catch (_: CharacterCodingException) {
    throw MalformedException("it is not UTF-8")
} catch (error: SerializationException) {
    // What follows shows the document.
    val problem = error.message.orEmpty().substringBefore(" at path: ").replaceFirstChar { it.lowercase() }
    throw MalformedException("it is no JSON: ${shown(problem, longest = 150)}")
}

/** Makes a document of a class; members that this does not know are ignored. Throws [MalformedException]. */
internal fun <T> JsonElement.read(serializer: KSerializer<T>): T {
    checkAgainst(this, serializer.descriptor)
    return JSON.decodeFromJsonElement(serializer, this)
}

/** Shows foreign text in a message: short, and without what could disturb a screen. */
internal fun shown(text: String, longest: Int = 40): String {
    val harmless = text.take(longest).map { if (it.isISOControl() || it.isSurrogate()) '?' else it }.joinToString("")
    return if (text.length > longest) "$harmless..." else harmless
}

private const val DEEPEST_NESTING = 32

// Each takes some hundred bytes of memory. The largest manifest that Python writes has 330,000, of 65,535 classes.
private const val MOST_VALUES = 1 shl 19
private const val BETWEEN_WORDS = "\"{[]},: \t\r\n"
private val NAME_ENDS = Regex("[ \t\r\n]*:")
private val WORD = Regex("true|false|null|-?(0|[1-9][0-9]*)(\\.[0-9]+)?([eE][+-]?[0-9]+)?")

/**
 * Refuses words and strings that kotlinx.serialization takes and JSON has not, names that come twice, and what would
 * take much memory.
 */
private fun checkWords(text: String) {
    // Of what is open: of objects their names.
    val open = ArrayList<HashSet<String>>()
    var values = 0
    var at = 0
    while (at < text.length) {
        val start = at++
        if (text[start] !in "]},: \t\r\n" && ++values > MOST_VALUES) refuse("it holds too much", start)
        when (text[start]) {
            '"' -> {
                at = endOfString(text, at)
                if (NAME_ENDS.matchesAt(text, at)) {
                    val name = JSON.decodeFromString<String>(text.substring(start, at))
                    if (open.lastOrNull()?.add(name) == false) refuse("the name '${shown(name)}' comes twice", start)
                }
            }
            '{', '[' -> {
                if (open.size == DEEPEST_NESTING) refuse("it is nested too deeply", start)
                open += HashSet<String>()
            }
            '}', ']' -> open.removeLastOrNull()
            !in BETWEEN_WORDS -> {
                while (at < text.length && text[at] !in BETWEEN_WORDS) at++
                if (!WORD.matches(text.substring(start, at))) refuse("a value is expected", start)
            }
        }
    }
    if (open.isNotEmpty()) refuse("it ends too early", at)
}

private fun endOfString(text: String, start: Int): Int {
    var at = start
    while (at < text.length && text[at] != '"') {
        if (text[at] < ' ') refuse("a string holds a control character", at)
        at += if (text[at] == '\\') 2 else 1
    }
    if (at >= text.length) refuse("it ends too early", text.length)
    return at + 1
}

private fun refuse(problem: String, at: Int): Nothing = throw MalformedException("$problem, at character $at")
