package io.topformer.demo

import android.graphics.SurfaceTexture
import android.os.Handler
import android.os.Looper
import kotlin.test.Test
import kotlin.test.assertEquals

/** Robolectric has no GPU, but refuses calls that no GPU would take; what is seen is for a phone to show. */
class GlPreviewFramesTest : AppTest() {
    @Test
    fun `frames are kept, shown, moved to another screen and given back`() {
        val frames = GlPreviewFrames(Size(1280, 960), 90, 6, Handler(Looper.getMainLooper())) {}
        assertEquals(0, frames.latch())
        frames.keep(0)
        frames.show(0)
        frames.showOn(SurfaceTexture(0))
        frames.keep(5)
        frames.show(5)
        frames.showOn(null)
        frames.close()
    }
}
