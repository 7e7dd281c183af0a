package io.topformer.demo

import android.graphics.Bitmap
import io.topformer.core.LabelColours
import io.topformer.core.ModelManifest
import java.nio.IntBuffer

/** Where one run's time went. */
class Timings {
    /** When the frame came, by the app's clock. */
    var arrivedNs = 0L
    var preprocessNs = 0L
    var executeNs = 0L

    /** From outputs to painted labels or to boxes. */
    var postprocessNs = 0L
}

/** What the model says of a picture. What is in it is kept and filled again. */
class Result {
    /** Of the model that said it, which may no longer be the one that is open. */
    lateinit var manifest: ModelManifest
        private set

    /** When the camera took the frame, by its clock; 0 for an opened picture. */
    var timestampNs = 0L

    /** Of the upright picture. */
    var pictureWidth = 0
        private set
    var pictureHeight = 0
        private set

    /** An opened picture; null for a frame of the camera, whose preview has it. */
    var picture: Bitmap? = null
        private set
    lateinit var findings: Findings
        private set
    val timings = Timings()

    /** Whether its time ends when it is drawn. For the main thread. */
    var isTimed = false

    /** Says of what picture this is, and by which model; the findings are left over. */
    fun begin(pictureWidth: Int, pictureHeight: Int, picture: Bitmap?, manifest: ModelManifest) {
        this.manifest = manifest
        this.pictureWidth = pictureWidth
        this.pictureHeight = pictureHeight
        this.picture = picture
    }

    /** Makes room for labels of a size; their contents are left over. */
    fun labels(width: Int, height: Int, classCount: Int): FoundLabels {
        val kept = if (::findings.isInitialized) findings as? FoundLabels else null
        if (kept != null && kept.width == width && kept.height == height && kept.amounts.size == classCount) return kept
        return FoundLabels(width, height, classCount).also { findings = it }
    }

    /** Makes room for boxes by this model; their contents are left over. */
    fun boxes(manifest: ModelManifest, mostBoxes: Int): FoundBoxes {
        val kept = if (::findings.isInitialized) findings as? FoundBoxes else null
        return kept?.takeIf { it.isOf(manifest) } ?: FoundBoxes(manifest, mostBoxes).also { findings = it }
    }

    /** Paints labels anew that were painted with other colours. */
    fun paint(colours: LabelColours) {
        val labels = findings as? FoundLabels ?: return
        if (labels.paintedWith !== colours && labels.amounts.size == colours.inside.size) labels.paint(colours)
    }
}

/** Colours, 0xAARRGGBB, as a bitmap keeps them: multiplied by their alpha, in the order of bytes that this device has. */
fun inMemory(argb: IntArray): IntArray {
    val kept = IntBuffer.allocate(argb.size)
    Bitmap.createBitmap(argb, argb.size, 1, Bitmap.Config.ARGB_8888).copyPixelsToBuffer(kept)
    return kept.array()
}
