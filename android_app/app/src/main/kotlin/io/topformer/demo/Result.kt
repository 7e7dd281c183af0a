package io.topformer.demo

import android.graphics.Bitmap
import io.topformer.core.LabelColours
import io.topformer.core.ModelManifest
import io.topformer.core.paintLabels
import java.nio.Buffer
import java.nio.IntBuffer

/** Where one run's time went. */
class Timings {
    /** When the frame came, by the app's clock. */
    var arrivedNs = 0L
    var preprocessNs = 0L
    var executeNs = 0L

    /** From logits to painted labels. */
    var postprocessNs = 0L
}

/** What the model says of a picture. Its buffers are kept and filled again. */
class Result {
    /** Of the model that said it, which may no longer be the one that is open. */
    lateinit var manifest: ModelManifest
        private set

    /** When the camera took the frame, by its clock; 0 for an opened picture. */
    var timestampNs = 0L

    /** Of the upright picture; the labels cover it from edge to edge, whatever their size. */
    var pictureWidth = 0
        private set
    var pictureHeight = 0
        private set

    /** An opened picture; null for a frame of the camera, whose preview has it. */
    var picture: Bitmap? = null

    /** The labels, [paint]ed. */
    lateinit var overlay: Bitmap
        private set
    var labels = ShortArray(0)
        private set

    /** What the overlay was painted with last. */
    var paintedWith: LabelColours? = null
        private set

    /** Of the picture, by class. */
    var shares = FloatArray(0)
        private set
    val timings = Timings()
    private var pixels = IntArray(0)
    private var pixelsBuffer = IntBuffer.wrap(pixels)

    /** Makes room for labels of a size by this model; their contents are left over. */
    fun resize(pictureWidth: Int, pictureHeight: Int, labelWidth: Int, labelHeight: Int, manifest: ModelManifest) {
        this.manifest = manifest
        this.pictureWidth = pictureWidth
        this.pictureHeight = pictureHeight
        if (!::overlay.isInitialized || overlay.width != labelWidth || overlay.height != labelHeight) {
            overlay = Bitmap.createBitmap(labelWidth, labelHeight, Bitmap.Config.ARGB_8888)
            labels = ShortArray(labelWidth * labelHeight)
            pixels = IntArray(labelWidth * labelHeight)
            pixelsBuffer = IntBuffer.wrap(pixels)
        }
        if (shares.size != manifest.classCount) shares = FloatArray(manifest.classCount)
    }

    /** Paints the overlay: one look-up a label, and one copy. */
    fun paint(colours: LabelColours) {
        paintedWith = colours
        // As wide on the screen whether labels have the network's size or the screen's.
        val thickness = maxOf(1, maxOf(overlay.width, overlay.height) / LINES_ACROSS)
        paintLabels(labels, overlay.width, overlay.height, thickness, colours, pixels)
        // Moved as Android's oldest knows it.
        val place: Buffer = pixelsBuffer
        place.rewind()
        overlay.copyPixelsFromBuffer(pixelsBuffer)
    }

    /** The class at a place of the picture, from 0 to 1 along each side. */
    fun classAt(x: Float, y: Float): Int {
        val column = (x * overlay.width).toInt().coerceIn(0, overlay.width - 1)
        val row = (y * overlay.height).toInt().coerceIn(0, overlay.height - 1)
        return labels[row * overlay.width + column].toInt() and 0xFFFF
    }

    private companion object {
        const val LINES_ACROSS = 500
    }
}

/** Colours, 0xAARRGGBB, as a bitmap keeps them: multiplied by their alpha, in the order of bytes that this device has. */
fun inMemory(argb: IntArray): IntArray {
    val kept = IntBuffer.allocate(argb.size)
    Bitmap.createBitmap(argb, argb.size, 1, Bitmap.Config.ARGB_8888).copyPixelsToBuffer(kept)
    return kept.array()
}
