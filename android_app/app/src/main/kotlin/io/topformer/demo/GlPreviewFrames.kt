package io.topformer.demo

import android.graphics.SurfaceTexture
import android.opengl.EGL14
import android.opengl.EGLConfig
import android.opengl.EGLSurface
import android.opengl.GLES11Ext
import android.opengl.GLES20
import android.os.Handler
import android.view.Surface
import java.nio.Buffer
import java.nio.ByteBuffer
import java.nio.ByteOrder

/**
 * Keeps frames as textures of the GPU, which each device can draw a camera's picture into.
 *
 * CameraX waits for the results of an analysis in the same way (androidx, camera-effects: OverlayEffect). Handing the
 * camera's own buffers on, from an ImageReader to an ImageWriter, would cost no copy, but has brought whole phones down
 * (react-native-vision-camera, pull request 2555).
 */
class GlPreviewFrames(size: Size, sensorDegrees: Int, slots: Int, handler: Handler, onFrame: Runnable) : PreviewFrames {
    // Of the picture that is upright where the display is in its natural place.
    private val lying = sensorDegrees % 180 == 90
    private val width = if (lying) size.height else size.width
    private val height = if (lying) size.width else size.height

    private val display = EGL14.eglGetDisplay(EGL14.EGL_DEFAULT_DISPLAY)
    private val config = initialize()
    private val context = EGL14.eglCreateContext(
        display,
        config,
        EGL14.EGL_NO_CONTEXT,
        intArrayOf(EGL14.EGL_CONTEXT_CLIENT_VERSION, 2, EGL14.EGL_NONE),
        0,
    )

    // Where there is no screen there must still be something to draw on.
    private val offscreen =
        EGL14.eglCreatePbufferSurface(display, config, intArrayOf(EGL14.EGL_WIDTH, 1, EGL14.EGL_HEIGHT, 1, EGL14.EGL_NONE), 0)
    private var screen: EGLSurface? = null
    private val screenSize = IntArray(2)

    private val fromCamera: TextureCopy
    private val toScreen: TextureCopy
    private val cameraTexture: Int
    private val kept = IntArray(slots)
    private val targets = IntArray(slots)
    private val camera: SurfaceTexture
    private val cameraMatrix = FloatArray(16)
    private var shown = -1
    override val surface: Surface

    init {
        try {
            check(EGL14.eglMakeCurrent(display, offscreen, offscreen, context)) { "The GPU can't be used." }
            fromCamera = TextureCopy(GLES11Ext.GL_TEXTURE_EXTERNAL_OES, "#extension GL_OES_EGL_image_external : require\n", "samplerExternalOES")
            toScreen = TextureCopy(GLES20.GL_TEXTURE_2D, "", "sampler2D")
            cameraTexture = IntArray(1).also { GLES20.glGenTextures(1, it, 0) }[0]
            GLES20.glGenTextures(slots, kept, 0)
            GLES20.glGenFramebuffers(slots, targets, 0)
            for (slot in 0 until slots) makeSlot(slot)
            camera = SurfaceTexture(cameraTexture)
            camera.setDefaultBufferSize(size.width, size.height)
            camera.setOnFrameAvailableListener({ onFrame.run() }, handler)
            surface = Surface(camera)
        } catch (error: RuntimeException) {
            giveBack()
            throw error
        }
    }

    override fun latch(): Long {
        update()
        camera.getTransformMatrix(cameraMatrix)
        return camera.timestamp
    }

    // Some of its failures are of no class of their own.
    private fun update() = try {
        camera.updateTexImage()
    } catch (error: RuntimeException) {
        throw IllegalStateException(error)
    }

    override fun keep(slot: Int) {
        GLES20.glBindFramebuffer(GLES20.GL_FRAMEBUFFER, targets[slot])
        GLES20.glViewport(0, 0, width, height)
        fromCamera.draw(cameraTexture, cameraMatrix)
    }

    override fun show(slot: Int) {
        shown = slot
        val screen = screen ?: return
        EGL14.eglQuerySurface(display, screen, EGL14.EGL_WIDTH, screenSize, 0)
        EGL14.eglQuerySurface(display, screen, EGL14.EGL_HEIGHT, screenSize, 1)
        GLES20.glBindFramebuffer(GLES20.GL_FRAMEBUFFER, 0)
        GLES20.glViewport(0, 0, screenSize[0], screenSize[1])
        toScreen.draw(kept[slot], TextureCopy.UPRIGHT)
        EGL14.eglSwapBuffers(display, screen)
    }

    override fun showOn(output: SurfaceTexture?) {
        EGL14.eglMakeCurrent(display, offscreen, offscreen, context)
        screen?.let { EGL14.eglDestroySurface(display, it) }
        screen = null
        if (output == null) return
        output.setDefaultBufferSize(width, height)
        val next = EGL14.eglCreateWindowSurface(display, config, output, intArrayOf(EGL14.EGL_NONE), 0)
        // The place is gone by now. Some GPUs would draw on nothing without an error.
        if (next == null || next == EGL14.EGL_NO_SURFACE) return
        if (!EGL14.eglMakeCurrent(display, next, next, context)) return
        screen = next
        // The newest is shown, and nothing waits for a screen that is not drawn.
        EGL14.eglSwapInterval(display, 0)
        if (shown >= 0) show(shown)
    }

    override fun close() {
        showOn(null)
        surface.release()
        camera.release()
        giveBack()
    }

    private fun giveBack() {
        EGL14.eglMakeCurrent(display, EGL14.EGL_NO_SURFACE, EGL14.EGL_NO_SURFACE, EGL14.EGL_NO_CONTEXT)
        EGL14.eglDestroySurface(display, offscreen)
        // With all its textures.
        EGL14.eglDestroyContext(display, context)
        EGL14.eglReleaseThread()
    }

    private fun initialize(): EGLConfig {
        check(EGL14.eglInitialize(display, IntArray(2), 0, IntArray(2), 1)) { "There is no GPU." }
        val wanted = intArrayOf(
            EGL14.EGL_RED_SIZE, 8, EGL14.EGL_GREEN_SIZE, 8, EGL14.EGL_BLUE_SIZE, 8,
            EGL14.EGL_RENDERABLE_TYPE, EGL14.EGL_OPENGL_ES2_BIT,
            EGL14.EGL_SURFACE_TYPE, EGL14.EGL_WINDOW_BIT or EGL14.EGL_PBUFFER_BIT, EGL14.EGL_NONE,
        )
        val found = arrayOfNulls<EGLConfig>(1)
        EGL14.eglChooseConfig(display, wanted, 0, found, 0, 1, IntArray(1), 0)
        return checkNotNull(found[0]) { "The GPU draws no such pictures." }
    }

    private fun makeSlot(slot: Int) {
        GLES20.glBindTexture(GLES20.GL_TEXTURE_2D, kept[slot])
        TextureCopy.filter(GLES20.GL_TEXTURE_2D)
        GLES20.glTexImage2D(
            GLES20.GL_TEXTURE_2D, 0, GLES20.GL_RGBA, width, height, 0, GLES20.GL_RGBA, GLES20.GL_UNSIGNED_BYTE, null,
        )
        GLES20.glBindFramebuffer(GLES20.GL_FRAMEBUFFER, targets[slot])
        GLES20.glFramebufferTexture2D(
            GLES20.GL_FRAMEBUFFER, GLES20.GL_COLOR_ATTACHMENT0, GLES20.GL_TEXTURE_2D, kept[slot], 0,
        )
    }
}

/** Draws a texture onto all that is drawn on. */
private class TextureCopy(private val target: Int, extension: String, sampler: String) {
    private val program = GLES20.glCreateProgram()
    private val corners = ByteBuffer.allocateDirect(8 * Float.SIZE_BYTES).order(ByteOrder.nativeOrder()).asFloatBuffer()

    init {
        attach(GLES20.GL_VERTEX_SHADER, VERTEX)
        attach(GLES20.GL_FRAGMENT_SHADER, extension + fragment(sampler))
        GLES20.glBindAttribLocation(program, CORNER, "corner")
        GLES20.glLinkProgram(program)
        val linked = IntArray(1)
        GLES20.glGetProgramiv(program, GLES20.GL_LINK_STATUS, linked, 0)
        check(linked[0] == GLES20.GL_TRUE) { GLES20.glGetProgramInfoLog(program).orEmpty() }
        corners.put(floatArrayOf(0f, 0f, 1f, 0f, 0f, 1f, 1f, 1f))
        // Moved as Android's oldest knows it.
        val place: Buffer = corners
        place.rewind()
    }

    private val place = GLES20.glGetUniformLocation(program, "place")

    fun draw(texture: Int, matrix: FloatArray) {
        GLES20.glUseProgram(program)
        GLES20.glBindTexture(target, texture)
        GLES20.glUniformMatrix4fv(place, 1, false, matrix, 0)
        GLES20.glEnableVertexAttribArray(CORNER)
        GLES20.glVertexAttribPointer(CORNER, 2, GLES20.GL_FLOAT, false, 0, corners)
        GLES20.glDrawArrays(GLES20.GL_TRIANGLE_STRIP, 0, 4)
    }

    private fun attach(type: Int, source: String) {
        val shader = GLES20.glCreateShader(type)
        GLES20.glShaderSource(shader, source)
        GLES20.glCompileShader(shader)
        GLES20.glAttachShader(program, shader)
        // It lives for as long as the program.
        GLES20.glDeleteShader(shader)
    }

    companion object {
        val UPRIGHT = FloatArray(16) { if (it % 5 == 0) 1f else 0f }
        private const val CORNER = 0
        private const val VERTEX = """
            attribute vec4 corner;
            uniform mat4 place;
            varying vec2 at;
            void main() {
              at = (place * vec4(corner.xy, 0.0, 1.0)).xy;
              gl_Position = vec4(2.0 * corner.xy - 1.0, 0.0, 1.0);
            }
        """

        private fun fragment(sampler: String) = """
            precision highp float;
            varying vec2 at;
            uniform $sampler picture;
            void main() {
              gl_FragColor = texture2D(picture, at);
            }
        """

        fun filter(target: Int) {
            for (name in listOf(GLES20.GL_TEXTURE_MIN_FILTER, GLES20.GL_TEXTURE_MAG_FILTER)) {
                GLES20.glTexParameteri(target, name, GLES20.GL_LINEAR)
            }
            // A picture's sides need not be powers of two.
            for (name in listOf(GLES20.GL_TEXTURE_WRAP_S, GLES20.GL_TEXTURE_WRAP_T)) {
                GLES20.glTexParameteri(target, name, GLES20.GL_CLAMP_TO_EDGE)
            }
        }
    }
}
