package io.topformer.demo

import android.graphics.Bitmap
import io.topformer.core.Boxes
import io.topformer.core.LabelColours
import io.topformer.core.ModelManifest
import io.topformer.core.paintLabels
import java.nio.Buffer
import java.nio.IntBuffer

/** What a model finds in a picture. Its buffers are kept and filled again. */
sealed interface Findings {
    /** By class: the share of the picture, or the number of boxes. */
    val amounts: FloatArray
}

/** A class for each place of the picture; labels cover it from edge to edge, whatever their size. */
class FoundLabels(val width: Int, val height: Int, classCount: Int) : Findings {
    override val amounts = FloatArray(classCount)
    val labels = ShortArray(width * height)

    /** The labels, [paint]ed. */
    val overlay: Bitmap = Bitmap.createBitmap(width, height, Bitmap.Config.ARGB_8888)

    /** What the overlay was painted with last. */
    var paintedWith: LabelColours? = null
        private set
    private val pixels = IntArray(width * height)
    private val pixelsBuffer = IntBuffer.wrap(pixels)

    /** Paints the overlay: one look-up a label, and one copy. */
    fun paint(colours: LabelColours) {
        paintedWith = colours
        // As wide on the screen whether labels have the network's size or the screen's.
        val thickness = maxOf(1, maxOf(width, height) / LINES_ACROSS)
        paintLabels(labels, width, height, thickness, colours, pixels)
        // Moved as Android's oldest knows it.
        val place: Buffer = pixelsBuffer
        place.rewind()
        overlay.copyPixelsFromBuffer(pixelsBuffer)
    }

    /** The class at a place of the picture, from 0 to 1 along each side. */
    fun classAt(x: Float, y: Float): Int {
        val column = (x * width).toInt().coerceIn(0, width - 1)
        val row = (y * height).toInt().coerceIn(0, height - 1)
        return labels[row * width + column].toInt() and 0xFFFF
    }

    private companion object {
        const val LINES_ACROSS = 500
    }
}

/** Boxes around objects, the likeliest first. */
class FoundBoxes(private val manifest: ModelManifest, mostBoxes: Int) : Findings {
    override val amounts = FloatArray(manifest.classCount)
    val boxes = Boxes(mostBoxes)

    /** So many of them are shown. AP counts far less likely ones too, which the file's threshold lets pass. */
    var count = 0
        private set

    fun isOf(manifest: ModelManifest) = manifest === this.manifest

    /** Counts the boxes of each class that are shown. */
    fun countAll() {
        count = 0
        while (count < boxes.size && boxes.scores[count] > SHOWN_SCORE) count++
        amounts.fill(0f)
        for (i in 0 until count) amounts[boxes.labels[i]]++
    }

    /** Sides of a box, from 0 to 1 along the picture's. */
    fun left(i: Int) = boxes.corners[4 * i] / manifest.inputWidth

    fun top(i: Int) = boxes.corners[4 * i + 1] / manifest.inputHeight

    fun right(i: Int) = boxes.corners[4 * i + 2] / manifest.inputWidth

    fun bottom(i: Int) = boxes.corners[4 * i + 3] / manifest.inputHeight

    /** The smallest of the boxes around a place of the picture that are seen; [NONE] where there is none. */
    fun boxAt(x: Float, y: Float, isSeen: (classId: Int) -> Boolean): Int {
        var found = NONE
        var least = Float.POSITIVE_INFINITY
        for (i in 0 until count) {
            val isAround = x in left(i)..right(i) && y in top(i)..bottom(i) && isSeen(boxes.labels[i])
            val area = (right(i) - left(i)) * (bottom(i) - top(i))
            if (isAround && area < least) {
                found = i
                least = area
            }
        }
        return found
    }

    companion object {
        const val NONE = -1

        // As SHOWN_SCORE in topformer/detection.py.
        private const val SHOWN_SCORE = 0.3f
    }
}
