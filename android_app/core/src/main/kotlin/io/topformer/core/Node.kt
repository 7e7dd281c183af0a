package io.topformer.core

import java.util.Base64

/** A value of a JSON document and where it stands; what does not fit throws [MalformedException]. */
internal class Node(private val value: Any?, private val path: String) {
    val isNull: Boolean get() = value == null

    fun string(longest: Int = Int.MAX_VALUE): String {
        val text = value as? String ?: fail("must be text")
        if (text.codePointCount(0, text.length) > longest) fail("is longer than $longest characters")
        return text
    }

    fun literal(vararg allowed: String): String =
        string().also { if (it !in allowed) fail("is ${quoted(it)}, not ${allowed.joinToString(" or ")}") }

    /** Refuses all but version [major], as in "NAME/1": its minor ones, as in "NAME/1.2", only add members. */
    fun schema(major: String) {
        val found = string()
        val minor = if (found.startsWith("$major.")) found.substring(major.length + 1) else ""
        if (found != major && !DIGITS.matches(minor)) fail("is ${quoted(found)}, not $major")
    }

    fun sha256(): String = string().also { if (!SHA256.matches(it)) fail("is not a sha256") }

    fun long(range: LongRange): Long {
        val number = value as? Long ?: fail("must be a whole number")
        if (number !in range) fail("is $number, not ${range.first} to ${range.last}")
        return number
    }

    fun int(range: IntRange): Int = long(range.first.toLong()..range.last.toLong()).toInt()

    fun double(range: ClosedRange<Double> = -Double.MAX_VALUE..Double.MAX_VALUE): Double {
        val number = (value as? Number ?: fail("must be a number")).toDouble()
        if (number !in range) fail("is $number, not ${range.start} to ${range.endInclusive}")
        return number
    }

    fun boolean(): Boolean = value as? Boolean ?: fail("must be true or false")

    fun base64(longest: Int): ByteArray {
        val text = string()
        // The decoder would forgive missing padding.
        if (text.length % 4 != 0) fail("is not base64")
        val bytes = try {
            Base64.getDecoder().decode(text)
        } catch (_: IllegalArgumentException) {
            fail("is not base64")
        }
        if (bytes.size > longest) fail("is longer than $longest bytes")
        return bytes
    }

    fun items(most: Int = Int.MAX_VALUE): List<Node> {
        val items = value as? List<*> ?: fail("must be a list")
        if (items.size > most) fail("has more than $most entries")
        return items.mapIndexed { index, item -> Node(item, "$path[$index]") }
    }

    fun items(count: Int, what: String): List<Node> =
        items().also { if (it.size != count) fail("must be $what, $count entries") }

    /** The members of a map whose names are free. */
    fun members(): Map<String, Node> = map().mapValues { (name, item) -> Node(item, "$path.$name") }

    /** Reads the members of an object; those that [read] leaves are ignored, as newer versions may have them. */
    fun <T> fields(read: Fields.() -> T): T = Fields(map(), path).read()

    fun fail(problem: String): Nothing = throw MalformedException("${path.ifEmpty { "the document" }} $problem")

    private fun map(): Map<String, Any?> {
        @Suppress("UNCHECKED_CAST") // every map of a JSON document has names as keys
        return value as? Map<String, Any?> ?: fail("must be an object")
    }

    private companion object {
        val SHA256 = Regex("[0-9a-f]{64}")
        val DIGITS = Regex("[0-9]+")
    }
}

/** The members of a JSON object, taken one by one. */
internal class Fields(private val members: Map<String, Any?>, private val path: String) {
    operator fun get(name: String): Node = optional(name) ?: throw MalformedException("${pathOf(name)} is missing")

    fun optional(name: String): Node? = if (name in members) Node(members[name], pathOf(name)) else null

    private fun pathOf(name: String) = if (path.isEmpty()) name else "$path.$name"
}
