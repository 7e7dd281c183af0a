package io.topformer.core

/** The colours of all classes, as a bitmap has them in its memory, so that whole pictures are copied into it. */
public class Colours(classCount: Int) {
    private val ofClass = IntArray(classCount)

    public fun load(inMemory: IntArray) {
        require(inMemory.size == ofClass.size) { "${inMemory.size} colours are not those of ${ofClass.size} classes." }
        inMemory.copyInto(ofClass)
    }

    /** Writes the colour of each label. */
    public fun paint(labels: ShortArray, out: IntArray) {
        require(out.size == labels.size) { "${labels.size} labels are not ${out.size} pixels." }
        for (i in labels.indices) out[i] = ofClass[labels[i].toInt() and 0xFFFF]
    }
}
