package io.topformer.demo

import android.graphics.SurfaceTexture
import android.opengl.EGL14
import android.opengl.EGLConfig
import android.opengl.EGLDisplay
import android.opengl.EGLSurface
import android.os.Handler
import android.os.Looper
import org.robolectric.annotation.Implementation
import org.robolectric.annotation.Implements
import org.robolectric.shadows.ShadowEGL14
import org.robolectric.util.ReflectionHelpers
import org.robolectric.util.ReflectionHelpers.ClassParameter
import kotlin.test.AfterTest
import kotlin.test.BeforeTest
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

    @Test
    fun `nothing is drawn on a screen that is gone`() {
        val frames = GlPreviewFrames(Size(1280, 960), 90, 6, Handler(Looper.getMainLooper())) {}
        frames.keep(0)
        frames.show(0)
        ScreenSurfaceShadow.isGone = true
        frames.showOn(SurfaceTexture(0))
        frames.show(0)
        assertEquals(0, ScreenSurfaceShadow.draws)
        ScreenSurfaceShadow.isGone = false
        frames.showOn(SurfaceTexture(0))
        assertEquals(1, ScreenSurfaceShadow.draws)
        frames.close()
    }

    // Robolectric's is null, as no GPU's is.
    @BeforeTest
    fun nameNoSurface() {
        val handle = ClassParameter.from(Long::class.javaPrimitiveType, 0L)
        EGL14.EGL_NO_SURFACE = ReflectionHelpers.callConstructor(EGLSurface::class.java, handle)
    }

    @AfterTest
    fun forget() {
        EGL14.EGL_NO_SURFACE = null
        ScreenSurfaceShadow.draws = 0
    }
}

/** A GPU's way to a screen; where that is gone it gives no surface, and draws on it without an error, as some GPUs do. */
@Implements(EGL14::class)
class ScreenSurfaceShadow : ShadowEGL14() {
    companion object {
        var isGone = false
        var draws = 0

        @JvmStatic
        @Implementation(methodName = "eglCreateWindowSurface")
        @Suppress("UNUSED_PARAMETER")
        fun open(display: EGLDisplay?, config: EGLConfig?, screen: Any?, attributes: IntArray?, offset: Int): EGLSurface? =
            if (isGone) EGL14.EGL_NO_SURFACE else eglCreateWindowSurface(display, config, screen, attributes, offset)

        @JvmStatic
        @Implementation(methodName = "eglSwapBuffers")
        @Suppress("UNUSED_PARAMETER")
        fun show(display: EGLDisplay?, surface: EGLSurface?): Boolean {
            draws++
            return true
        }
    }
}
