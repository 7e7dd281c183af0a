package io.topformer.core

/**
 * Where in a view a picture lies. The camera's preview and the labels over it are placed by the one [matrix], which
 * also tells what lies under a finger.
 */
public class Placement {
    /** Of the upright picture; only their ratio counts. */
    public var pictureWidth: Int = 1
    public var pictureHeight: Int = 1
    public var viewWidth: Int = 1
    public var viewHeight: Int = 1

    /** Whether the picture fills the view, losing two of its margins, or is seen whole. */
    public var fills: Boolean = false

    /** How much it is enlarged beyond that, and how far its middle is moved, in pixels of the view. */
    public var zoom: Float = 1f
    public var moveX: Float = 0f
    public var moveY: Float = 0f

    private val scale: Float
        get() {
            val across = viewWidth.toFloat() / pictureWidth
            val down = viewHeight.toFloat() / pictureHeight
            return zoom * if (fills) maxOf(across, down) else minOf(across, down)
        }
    public val width: Float get() = pictureWidth * scale
    public val height: Float get() = pictureHeight * scale
    public val left: Float get() = (viewWidth - width) / 2 + moveX
    public val top: Float get() = (viewHeight - height) / 2 + moveY

    /** Where along the picture's sides a place of the view is, from 0 to 1 within it. */
    public fun pictureX(x: Float): Float = (x - left) / width

    public fun pictureY(y: Float): Float = (y - top) / height

    /**
     * Writes the nine values of an `android.graphics.Matrix`, row by row. It takes content of a size, which shows the
     * picture from edge to edge but turned, to the view: [turnDegrees] clockwise makes it upright.
     */
    public fun matrix(contentWidth: Int, contentHeight: Int, turnDegrees: Int, out: FloatArray) {
        require(turnDegrees in 0..270 && turnDegrees % 90 == 0) { "A picture can't be turned by $turnDegrees degrees." }
        val acrossX = width / contentWidth
        val acrossY = width / contentHeight
        val downX = height / contentWidth
        val downY = height / contentHeight
        out.fill(0f)
        out[8] = 1f
        when (turnDegrees) {
            0 -> set(out, acrossX, 0f, left, 0f, downY, top)
            90 -> set(out, 0f, -acrossY, left + width, downX, 0f, top)
            180 -> set(out, -acrossX, 0f, left + width, 0f, -downY, top + height)
            270 -> set(out, 0f, acrossY, left, -downX, 0f, top + height)
        }
    }

    private fun set(out: FloatArray, xx: Float, xy: Float, x: Float, yx: Float, yy: Float, y: Float) {
        out[0] = xx
        out[1] = xy
        out[2] = x
        out[3] = yx
        out[4] = yy
        out[5] = y
    }
}
