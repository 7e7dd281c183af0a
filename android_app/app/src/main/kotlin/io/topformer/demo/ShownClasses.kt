package io.topformer.demo

import io.topformer.core.LabelColours
import io.topformer.core.ModelManifest

/** A model's classes as the user wants to see them: their names and colours, one of them alone, or without some. */
class ShownClasses private constructor(
    private val manifest: ModelManifest,
    private val isVivid: Boolean,
    val alone: Int?,
    val hidden: Set<Int>,
) {
    val names: List<String> = manifest.shownNames

    /** By class id, 0xFFRRGGBB. */
    val palette: IntArray = if (isVivid) manifest.shownPalette else manifest.palette
    val isAll: Boolean get() = alone == null && hidden.isEmpty()

    /** Whether nothing has changed since. */
    fun isOf(manifest: ModelManifest, settings: Settings): Boolean = manifest === this.manifest &&
        settings.isVivid == isVivid && aloneOf(manifest, settings) == alone && hiddenOf(manifest, settings) == hidden

    /** Whether these are the classes of what was found, if by a file that was opened before. */
    fun areOf(result: Result): Boolean = result.manifest.classNames == manifest.classNames

    fun isSeen(classId: Int): Boolean = if (alone != null) classId == alone else classId !in hidden

    /** What the overlay is painted with. Insides are half as opaque as lines; what is not alone is dark. */
    val colours: LabelColours = LabelColours(
        inside = inMemory(IntArray(names.size) { id -> if (isSeen(id)) withAlpha(palette[id], HALF) else unseen() }),
        line = inMemory(IntArray(names.size) { id -> if (isSeen(id)) lighter(palette[id]) else unseen() }),
    )

    private fun unseen() = if (alone != null) withAlpha(0, HALF) else 0

    private fun withAlpha(colour: Int, alpha: Int) = (alpha shl 24) or (colour and 0xFFFFFF)

    /** Half way to white. */
    private fun lighter(colour: Int): Int = OPAQUE or ((colour and 0xFEFEFE) ushr 1) + 0x7F7F7F

    companion object {
        private const val HALF = 0x80
        private const val OPAQUE = 0xFF shl 24

        fun of(manifest: ModelManifest, settings: Settings) =
            ShownClasses(manifest, settings.isVivid, aloneOf(manifest, settings), hiddenOf(manifest, settings))

        private fun aloneOf(manifest: ModelManifest, settings: Settings): Int? =
            manifest.classNames.indexOf(settings.alone).takeIf { it >= 0 }

        private fun hiddenOf(manifest: ModelManifest, settings: Settings): Set<Int> =
            manifest.classNames.indices.filterTo(HashSet()) { manifest.classNames[it] in settings.hidden }
    }
}
