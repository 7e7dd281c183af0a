package io.topformer.core

/** Colours as the memory of an Android bitmap has them: red first, so that they are copied into it as they are. */
public class Colours(classCount: Int) {
    private val ofClass = IntArray(classCount)

    /** Takes the colours of all classes, 0xAARRGGBB, with an alpha of 0 or 255: a bitmap's are multiplied by theirs. */
    public fun load(argb: IntArray) {
        require(argb.size == ofClass.size) { "${argb.size} colours are not those of ${ofClass.size} classes." }
        for (i in argb.indices) ofClass[i] = if (argb[i] ushr 24 == 0) 0 else inMemory(argb[i])
    }

    /** Writes the colour of each label. */
    public fun paint(labels: ShortArray, out: IntArray) {
        require(out.size == labels.size) { "${labels.size} labels are not ${out.size} pixels." }
        for (i in labels.indices) out[i] = ofClass[labels[i].toInt() and 0xFFFF]
    }

    private companion object {
        // All that Android runs on has its lowest byte first.
        fun inMemory(argb: Int): Int =
            (argb and 0xFF00FF00.toInt()) or ((argb shr 16) and 0xFF) or ((argb and 0xFF) shl 16)
    }
}
