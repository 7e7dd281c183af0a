package io.topformer.core

/** How boxes are made of a detector's outputs, as `DetectionInfo` in `topformer/manifest.py` tells. */
public class Detection internal constructor(document: DetectionInfo) {
    internal val levels: List<Level> = document.levels.map { Level(it) }

    /** What a box must score more than. */
    public val scoreThreshold: Double = document.scoreThreshold
    internal val candidatesPerLevel: Int = document.candidatesPerLevel
    internal val nmsIou: Float = document.nmsIou.toFloat()

    /** How many boxes stay. */
    public val mostBoxes: Int = document.mostBoxes
    internal val largestLogScale: Float = document.largestLogScale.toFloat()

    /** From which IoU on two boxes of one class are the same to a check. */
    internal val sameIou: Float = document.sameIou.toFloat()

    internal class Level(document: AnchorLevel) {
        val stride: Long = document.stride

        /** Left, top, right and bottom of each in turn, around the place at the upper left. */
        val anchors: FloatArray = document.anchors.flatten().map { it.toFloat() }.toFloatArray()
        val anchorCount: Int get() = anchors.size / 4
    }
}

/** How many places of a level lie along a side of the input. */
internal fun placesAlong(side: Int, stride: Long): Long = (side - 1) / stride + 1
