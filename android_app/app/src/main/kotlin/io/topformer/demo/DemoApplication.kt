package io.topformer.demo

import android.app.Application
import io.topformer.segmenter.ExecuTorchSegmenter

/** Holds what all screens share, and what tests replace. */
open class DemoApplication : Application() {
    /** Where the app's own models lie among its assets. */
    open val modelAssets: String = "models"
    open val clock = Clock(System::nanoTime)
    val cameras by lazy(::CameraThread)
    open val previews = PreviewFactory(::GlPreviewFrames)
    open val segmenters: SegmenterFactory = SegmenterFactory { file, manifest, threads ->
        ExecuTorchSegmenter.open(
            file,
            threads,
            inputShape = longArrayOf(1, 3, manifest.inputHeight.toLong(), manifest.inputWidth.toLong()),
            manifest.outputShapes,
        )
    }
}
