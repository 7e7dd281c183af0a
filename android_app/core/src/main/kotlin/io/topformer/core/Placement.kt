package io.topformer.core

/**
 * Where in a view a picture lies. The camera's preview and the labels over it are placed by the one [matrix], which
 * also tells what lies under a finger.
 *
 * A picture that [fills] covers the whole view; any other is seen whole within the part of the view that nothing lies
 * over. From there it is zoomed and moved, within bounds.
 */
public class Placement {
    /** Of the upright picture; only their ratio counts. */
    public var pictureWidth: Int = 1
    public var pictureHeight: Int = 1
    public var viewWidth: Int = 1
    public var viewHeight: Int = 1

    /** How much of the view's sides something lies over. */
    public var coveredLeft: Int = 0
    public var coveredTop: Int = 0
    public var coveredRight: Int = 0
    public var coveredBottom: Int = 0

    /** Whether the picture fills the view, losing two of its margins, or is seen whole. */
    public var fills: Boolean = false

    /** How much it is enlarged beyond that, and how far its middle is moved, in pixels of the view. */
    public var zoom: Float = 1f
    public var moveX: Float = 0f
    public var moveY: Float = 0f

    /** Whether it lies elsewhere than at first. */
    public val isMoved: Boolean get() = zoom != 1f || moveX != 0f || moveY != 0f

    private val freeLeft: Float get() = coveredLeft.toFloat()
    private val freeTop: Float get() = coveredTop.toFloat()
    private val freeRight: Float get() = maxOf(viewWidth - coveredRight, coveredLeft + 1).toFloat()
    private val freeBottom: Float get() = maxOf(viewHeight - coveredBottom, coveredTop + 1).toFloat()
    private val wholeScale: Float
        get() = minOf((freeRight - freeLeft) / pictureWidth, (freeBottom - freeTop) / pictureHeight)
    private val firstScale: Float
        get() = if (fills) maxOf(viewWidth.toFloat() / pictureWidth, viewHeight.toFloat() / pictureHeight) else wholeScale
    private val leastZoom: Float get() = if (fills) minOf(1f, wholeScale / firstScale) else 1f

    // From 0 where it is seen whole to 1 where it fills the view: its middle goes from that of the free part to the view's.
    private val filled: Float
        get() {
            val least = leastZoom
            return if (!fills) 0f else if (least < 1f) ((zoom - least) / (1 - least)).coerceIn(0f, 1f) else 1f
        }
    private val restX: Float get() = mean(freeLeft, freeRight).let { it + filled * (viewWidth / 2f - it) }
    private val restY: Float get() = mean(freeTop, freeBottom).let { it + filled * (viewHeight / 2f - it) }

    public val width: Float get() = pictureWidth * firstScale * zoom
    public val height: Float get() = pictureHeight * firstScale * zoom
    public val left: Float get() = restX + moveX - width / 2
    public val top: Float get() = restY + moveY - height / 2

    /** Zooms about a place of the view, which stays where it is as far as bounds allow. */
    public fun zoomBy(factor: Float, x: Float, y: Float) {
        val pictureX = pictureX(x)
        val pictureY = pictureY(y)
        zoom = (zoom * factor).coerceIn(leastZoom, MOST_ZOOM)
        moveBy(x - (left + pictureX * width), y - (top + pictureY * height))
    }

    public fun moveBy(x: Float, y: Float) {
        moveX = within(restX + moveX + x, width, freeLeft, freeRight, restX) - restX
        moveY = within(restY + moveY + y, height, freeTop, freeBottom, restY) - restY
    }

    /** Back to how it lay at first. */
    public fun reset() {
        zoom = 1f
        moveX = 0f
        moveY = 0f
    }

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

    /** A middle that leaves no gap within the free part where the picture is larger than it; else the one at rest. */
    private fun within(wanted: Float, size: Float, start: Float, end: Float, rest: Float): Float =
        if (size <= end - start) rest else wanted.coerceIn(minOf(end - size / 2, rest), maxOf(start + size / 2, rest))

    private fun mean(one: Float, other: Float) = (one + other) / 2

    private companion object {
        const val MOST_ZOOM = 8f
    }
}
