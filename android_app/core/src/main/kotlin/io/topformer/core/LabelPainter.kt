package io.topformer.core

/** The colours of all classes by id: of their insides, and of the lines along their borders. Zero is not seen. */
public class LabelColours(public val inside: IntArray, public val line: IntArray)

/** Writes each label's colour, and a line of [thickness] pixels on either side of a border between two classes. */
public fun paintLabels(
    labels: ShortArray,
    width: Int,
    height: Int,
    thickness: Int,
    colours: LabelColours,
    out: IntArray,
) {
    val inside = colours.inside
    val line = colours.line
    for (row in 0 until height) {
        val start = row * width
        val end = start + width
        val above = if (row >= thickness) -thickness * width else 0
        val below = if (row + thickness < height) thickness * width else 0
        for (i in start until end) {
            val label = labels[i]
            val within = label == labels[i + above] && label == labels[i + below] &&
                label == labels[maxOf(i - thickness, start)] && label == labels[minOf(i + thickness, end - 1)]
            out[i] = (if (within) inside else line)[label.toInt() and 0xFFFF]
        }
    }
}
