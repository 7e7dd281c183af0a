package io.topformer.demo

import kotlin.math.abs

/** Where a camera looks, seen from the screen. */
enum class Facing { BACK, FRONT }

/** How far a frame must be turned clockwise to be upright on a display that is itself turned. */
fun turnOf(sensorDegrees: Int, displayDegrees: Int, facing: Facing): Int =
    when (facing) {
        Facing.BACK -> sensorDegrees - displayDegrees + 360
        Facing.FRONT -> sensorDegrees + displayDegrees
    } % 360

/** The size of frames to ask for: as many pixels as 640 x 480 or a few more, for a model that sees no more anyway. */
fun frameSize(sizes: List<Size>): Size? {
    val wanted = 640 * 480
    val enough = sizes.filter { it.width * it.height >= wanted }.ifEmpty { sizes }
    return enough.minByOrNull { abs(it.width * it.height - wanted) }
}
