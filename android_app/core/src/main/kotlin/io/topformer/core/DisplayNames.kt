package io.topformer.core

import java.util.Locale

private val WORD_BREAKS = Regex("_+|(?<=[a-z])(?=[A-Z])")

/** A class's name as people write it: `sign_symbol` and `SignSymbol` are "Sign symbol"; `TV` stays. */
public fun displayName(name: String): String {
    val words = name.split(WORD_BREAKS).filter { it.isNotBlank() }.mapIndexed { place, word ->
        if (place > 0 && word.drop(1).none(Char::isUpperCase)) word.lowercase(Locale.ROOT) else word
    }
    return words.joinToString(" ").replaceFirstChar { it.titlecase(Locale.ROOT) }.ifEmpty { name }
}
