package io.topformer.core

import java.nio.Buffer
import java.nio.FloatBuffer

/**
 * From pixels to the network's input tensor [1, 3, h, w], as `topformer/preprocess.py` defines it.
 *
 * ARGB pixels become Python's tensor to the bit. Camera frames become the tensor of their pixels in JFIF's colours,
 * each chroma sample standing for four pixels: within one grey level of the formula in floating point.
 *
 * Conversion, rotation, both directions of the resize and the normalisation are done row by row, with nothing kept but
 * the rows that the next output needs, and nothing allocated while frames keep their size. Not for several threads.
 */
public class Preprocessor(
    private val inputHeight: Int,
    private val inputWidth: Int,
    mean: FloatArray,
    std: FloatArray,
) {
    private val argb = ArgbRows()
    private val yuv = YuvRows()
    private val normalised = Array(3) { channel ->
        // Two operations in float32, each rounded, as in Python.
        FloatArray(256) { value -> (value.toFloat() - mean[channel]) / std[channel] }
    }
    private val outRow = FloatArray(inputWidth)
    private var resize = Resize(inputWidth, inputHeight)

    /** Turns a camera frame clockwise, mirrors it if asked, and writes its tensor from [out]'s start. */
    public fun fromYuv(frame: YuvFrame, rotationDegrees: Int, mirror: Boolean, out: FloatBuffer) {
        yuv.load(frame, rotationDegrees, mirror)
        write(yuv, out)
    }

    /** Writes the tensor of 0xAARRGGBB pixels, row by row, from [out]'s start; alpha is ignored. */
    public fun fromArgb(pixels: IntArray, width: Int, height: Int, out: FloatBuffer) {
        argb.load(pixels, width, height)
        write(argb, out)
    }

    private fun write(rows: PixelRows, out: FloatBuffer) {
        val plane = inputHeight * inputWidth
        require(out.capacity() >= 3 * plane) { "The tensor takes ${3 * plane} values, not ${out.capacity()}." }
        if (resize.width != rows.width || resize.height != rows.height) resize = Resize(rows.width, rows.height)
        resize.start()
        // Moved as Android's oldest knows it: there FloatBuffer had no methods of its own for that.
        val place: Buffer = out
        place.clear()
        for (y in 0 until inputHeight) {
            for (channel in 0 until 3) {
                resize.row(rows, y, channel, normalised[channel], outRow)
                place.position(channel * plane + y * inputWidth)
                out.put(outRow)
            }
        }
        place.rewind()
    }

    /** From one size to the input's: along the rows, rounded to whole levels, then between them, as Python does. */
    private inner class Resize(val width: Int, val height: Int) {
        private val across = ResizeAxis(width, inputWidth)
        private val down = ResizeAxis(height, inputHeight)
        private val unresized = Array(3) { IntArray(width) }

        // The last rows that were resized along; row `y` is in place `y % down.most`.
        private val recent = Array(3) { Array(down.most) { IntArray(inputWidth) } }
        private var rowsDone = 0
        private val sums = IntArray(inputWidth)

        fun start() {
            rowsDone = 0
        }

        fun row(rows: PixelRows, y: Int, channel: Int, table: FloatArray, out: FloatArray) {
            val first = down.first[y]
            val count = down.count[y]
            while (rowsDone < first + count) alongRow(rows, rowsDone++)
            sums.fill(ResizeAxis.HALF)
            for (i in 0 until count) {
                val share = down.shares[y * down.most + i]
                val values = recent[channel][(first + i) % down.most]
                for (x in sums.indices) sums[x] += values[x] * share
            }
            for (x in out.indices) out[x] = table[level(sums[x])]
        }

        private fun alongRow(rows: PixelRows, row: Int) {
            rows.read(row, unresized)
            val (red, green, blue) = unresized
            val place = row % down.most
            for (x in 0 until inputWidth) {
                var redSum = ResizeAxis.HALF
                var greenSum = ResizeAxis.HALF
                var blueSum = ResizeAxis.HALF
                var from = across.first[x]
                val start = x * across.most
                for (i in start until start + across.count[x]) {
                    val share = across.shares[i]
                    redSum += red[from] * share
                    greenSum += green[from] * share
                    blueSum += blue[from++] * share
                }
                recent[0][place][x] = level(redSum)
                recent[1][place][x] = level(greenSum)
                recent[2][place][x] = level(blueSum)
            }
        }

        // Shares are never negative and sum to 1 but for rounding, which the limit takes care of.
        private fun level(sum: Int) = minOf(sum ushr ResizeAxis.PRECISION_BITS, 255)
    }
}
