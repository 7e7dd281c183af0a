@file:OptIn(ExperimentalSerializationApi::class)

package io.topformer.core

import kotlinx.serialization.ExperimentalSerializationApi
import kotlinx.serialization.SerialInfo
import kotlinx.serialization.descriptors.PrimitiveKind
import kotlinx.serialization.descriptors.SerialDescriptor
import kotlinx.serialization.descriptors.StructureKind
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonNull
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlin.annotation.AnnotationTarget.PROPERTY

// What a member of a document may hold, where its type does not say it; of a list or map, what is in it.

@SerialInfo @Target(PROPERTY)
internal annotation class Within(val first: Long, val last: Long)

@SerialInfo @Target(PROPERTY)
internal annotation class Only(val text: String)

@SerialInfo @Target(PROPERTY)
internal annotation class Sha256

/** Text is short unless it says so. */
@SerialInfo @Target(PROPERTY)
internal annotation class AnyLength

/** Of the innermost list. */
@SerialInfo @Target(PROPERTY)
internal annotation class Entries(val count: Int, val what: String)

/** Of the outermost list. */
@SerialInfo @Target(PROPERTY)
internal annotation class Sized(val first: Int, val last: Int)

private const val LONGEST_TEXT = 1000
private val SHA256 = Regex("[0-9a-f]{64}")

/**
 * Refuses what a class does not allow, with the place where it stands; throws [MalformedException].
 *
 * kotlinx.serialization's own decoder takes "5" for 5 and tells of troubles in its own words, at length.
 */
internal fun checkAgainst(
    value: JsonElement,
    schema: SerialDescriptor,
    place: String = "",
    rules: List<Annotation> = emptyList(),
) {
    fun fail(problem: String): Nothing = throw MalformedException("${place.ifEmpty { "the document" }} $problem")
    if (value is JsonNull && schema.isNullable) return
    when (schema.kind) {
        StructureKind.CLASS -> {
            val members = value as? JsonObject ?: fail("must be an object")
            for (i in 0 until schema.elementsCount) {
                val name = MEMBER_NAMES.serialNameForJson(schema, i, schema.getElementName(i))
                val inside = if (place.isEmpty()) name else "$place.$name"
                val member = members[name]
                if (member != null) {
                    checkAgainst(member, schema.getElementDescriptor(i), inside, schema.getElementAnnotations(i))
                } else if (!schema.isElementOptional(i)) {
                    throw MalformedException("$inside is missing")
                }
            }
        }
        StructureKind.MAP -> {
            val members = value as? JsonObject ?: fail("must be an object")
            val inner = schema.getElementDescriptor(1)
            for ((name, item) in members) checkAgainst(item, inner, "$place.${shown(name)}", rules)
        }
        StructureKind.LIST -> {
            val items = value as? JsonArray ?: fail("must be a list")
            val inner = schema.getElementDescriptor(0)
            val entries = rules.find { it is Entries } as Entries?
            if (entries != null && inner.kind != StructureKind.LIST && items.size != entries.count) {
                fail("must be ${entries.what}, ${entries.count} entries")
            }
            val sized = rules.find { it is Sized } as Sized?
            if (sized != null && items.size !in sized.first..sized.last) {
                fail("has ${items.size} entries, not ${sized.first} to ${sized.last}")
            }
            val within = rules.filter { it !is Sized }
            items.forEachIndexed { i, item -> checkAgainst(item, inner, "$place[$i]", within) }
        }
        else -> problemOf(value as? JsonPrimitive ?: JsonNull, schema.kind as PrimitiveKind, rules)?.let(::fail)
    }
}

private fun problemOf(value: JsonPrimitive, kind: PrimitiveKind, rules: List<Annotation>): String? {
    val text = value.content
    if (kind == PrimitiveKind.STRING) {
        if (!value.isString) return "must be text"
        val isShort = text.codePointCount(0, text.length) <= LONGEST_TEXT
        if (!isShort && rules.none { it is AnyLength }) return "is longer than $LONGEST_TEXT characters"
    } else if (kind == PrimitiveKind.BOOLEAN) {
        if (value.isString || text != "true" && text != "false") return "must be true or false"
    } else {
        val isWhole = kind != PrimitiveKind.DOUBLE
        val number: Number? = if (isWhole) text.toLongOrNull() else text.toDoubleOrNull()?.takeIf { it.isFinite() }
        if (value.isString || number == null) return if (isWhole) "must be a whole number" else "must be a number"
    }
    return rules.firstNotNullOfOrNull { it.problemOf(text) }
}

private fun Annotation.problemOf(text: String): String? = when (this) {
    is Within -> "is $text, not $first to $last".takeIf { !isIn(text) }
    is Only -> "is '${shown(text)}', not ${this.text}".takeIf { text != this.text }
    is Sha256 -> "is not a sha256".takeIf { !SHA256.matches(text) }
    else -> null
}

private fun Within.isIn(number: String): Boolean =
    number.toLongOrNull()?.let { it in first..last } ?: (number.toDouble() in first.toDouble()..last.toDouble())
