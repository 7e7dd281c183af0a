package io.topformer.demo

import android.graphics.Bitmap
import io.topformer.core.ModelManifest

/** Where one run's time went. */
class Timings {
    var preprocessNs = 0L
    var executeNs = 0L
    var postprocessNs = 0L
}

/** A picture with what the model says of it. Its buffers are kept and filled again. */
class Result {
    /** Of the model that said it, which may no longer be the one that is open. */
    lateinit var manifest: ModelManifest
        private set
    lateinit var picture: Bitmap
        private set

    /** Each label in its class's colour. */
    lateinit var overlay: Bitmap
        private set
    var labels = ShortArray(0)
        private set

    /** Of the picture, by class. */
    var shares = FloatArray(0)
        private set
    val timings = Timings()

    /** Makes room for a picture and labels of these sizes by this model; their contents are left over. */
    fun resize(pictureWidth: Int, pictureHeight: Int, labelWidth: Int, labelHeight: Int, manifest: ModelManifest) {
        this.manifest = manifest
        if (!::picture.isInitialized || picture.width != pictureWidth || picture.height != pictureHeight) {
            picture = Bitmap.createBitmap(pictureWidth, pictureHeight, Bitmap.Config.ARGB_8888)
        }
        if (!::overlay.isInitialized || overlay.width != labelWidth || overlay.height != labelHeight) {
            overlay = Bitmap.createBitmap(labelWidth, labelHeight, Bitmap.Config.ARGB_8888)
            labels = ShortArray(labelWidth * labelHeight)
        }
        if (shares.size != manifest.classCount) shares = FloatArray(manifest.classCount)
    }

    /** The class at a place of the picture, from 0 to 1 along each side. */
    fun classAt(x: Float, y: Float): Int {
        val column = (x * overlay.width).toInt().coerceIn(0, overlay.width - 1)
        val row = (y * overlay.height).toInt().coerceIn(0, overlay.height - 1)
        return labels[row * overlay.width + column].toInt() and 0xFFFF
    }
}
