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

/** The size of the preview: as fine as screens need it, and of the shape of the frames, so that both see the same. */
fun previewSize(sizes: List<Size>, frame: Size): Size =
    sizes.filter { it.width * frame.height == frame.width * it.height && it.width * it.height <= 1280 * 960 }
        .maxByOrNull { it.width * it.height } ?: frame

/**
 * The frames a second to ask for, of the ranges that a camera offers; null to leave it to the camera. Up to 30, and
 * down to about 15 where it is dark: at a fixed 30 a picture taken indoors is dark or noisy, and at 7 it is smeared.
 */
fun frameRate(offered: List<IntRange>): IntRange? {
    val highest = offered.filter { it.last <= 30 }.maxOfOrNull { it.last } ?: return null
    return offered.filter { it.last == highest }.minByOrNull { abs(it.first - 15) }
}
