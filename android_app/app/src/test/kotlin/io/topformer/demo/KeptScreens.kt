package io.topformer.demo

import android.graphics.Bitmap
import android.graphics.BitmapFactory
import java.io.File
import kotlin.math.abs

/**
 * Compares screens with pictures that people have looked at and that are kept in git.
 *
 * What is new lies in [made], with a picture of the difference beside it where there is one.
 */
class KeptScreens(private val kept: File, private val made: File, private val accept: Boolean) {
    /** Throws [AssertionError] for a screen that is not the kept one. */
    fun check(name: String, screen: Bitmap) {
        val file = kept.resolve("$name.png")
        val difference = made.resolve("$name.difference.png").apply { delete() }
        write(screen, made.resolve("$name.png"))
        if (accept) write(screen, file)
        // Robolectric makes an empty file of one that is missing.
        val expected = file.takeIf { it.isFile }?.let { BitmapFactory.decodeFile(it.path) }
            ?: throw AssertionError("No picture of the screen '$name' is kept. $HOW_TO_ACCEPT")
        if (expected.width != screen.width || expected.height != screen.height) {
            throw AssertionError(
                "The screen '$name' is ${screen.width} x ${screen.height}, the kept picture " +
                    "${expected.width} x ${expected.height}. $HOW_TO_ACCEPT",
            )
        }
        val marked = pixelsOf(expected)
        val count = mark(marked, pixelsOf(screen))
        val share = count.toDouble() / marked.size
        if (share <= MOST_SHARE) return
        write(Bitmap.createBitmap(marked, screen.width, screen.height, Bitmap.Config.ARGB_8888), difference)
        throw AssertionError(
            "The screen '$name' differs from the kept picture in %.2f %% of its pixels, and may in %.2f %%. "
                .format(share * 100, MOST_SHARE * 100) + "The difference is in $difference. $HOW_TO_ACCEPT",
        )
    }

    /** Leaves of the expected pixels only those that differ, in red, over a faint rest; returns their number. */
    private fun mark(expected: IntArray, found: IntArray): Int {
        var count = 0
        for (i in expected.indices) {
            val differs = listOf(0, 8, 16).any { abs((expected[i] shr it and 0xFF) - (found[i] shr it and 0xFF)) > MOST_LEVELS }
            if (differs) count++
            expected[i] = if (differs) RED else expected[i] and 0xFFFFFF or FAINT
        }
        return count
    }

    private fun pixelsOf(bitmap: Bitmap): IntArray =
        IntArray(bitmap.width * bitmap.height).also { bitmap.getPixels(it, 0, bitmap.width, 0, 0, bitmap.width, bitmap.height) }

    private fun write(bitmap: Bitmap, file: File) {
        file.parentFile?.mkdirs()
        file.outputStream().use { bitmap.compress(Bitmap.CompressFormat.PNG, 100, it) }
    }

    companion object {
        // Processors round differently: a model's labels may change along their borders, far less than a word does.
        const val MOST_LEVELS = 32
        const val MOST_SHARE = 0.0002
        private const val RED = 0xFFFF0000.toInt()
        private const val FAINT = 0x30000000
        private const val HOW_TO_ACCEPT = "If the new picture in verify/target/screens is as it should be, accept it: " +
            "android_app/verify/mvn -pl core,segmenter,app test -Dscreens.accept=true"
    }
}
