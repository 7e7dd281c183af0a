package io.topformer.demo

import android.content.ContentResolver
import android.content.Context
import android.graphics.Bitmap
import android.graphics.Canvas
import android.graphics.Color
import android.graphics.ImageDecoder
import android.graphics.RectF
import android.net.Uri
import androidx.core.content.FileProvider
import java.io.File
import java.io.IOException
import java.nio.ByteBuffer

private const val LONGEST_SIDE_PX = 2048
private const val LARGEST_BYTES = 64 shl 20

// A shared picture is drawn on as on a phone that is so wide.
private const val UNITS_ACROSS = 400f
private const val SMALLEST_TEXT_PX = 9f

// As in res/xml/shared.xml.
private const val SHARED = "shared"
private const val A_DAY_MS = 24 * 60 * 60 * 1000L

/** Reads a picture upright, made smaller where it is very large; throws [IOException]. */
fun readPicture(resolver: ContentResolver, uri: Uri): StillFrame = try {
    decodePicture(resolver, uri)
} catch (error: ImageDecoder.DecodeException) {
    throw IOException("It is no picture that this phone can read, or a damaged one.", error)
} catch (error: OutOfMemoryError) {
    throw IOException("It does not fit into memory.", error)
}

private fun decodePicture(resolver: ContentResolver, uri: Uri): StillFrame {
    val bytes = ByteBuffer.wrap(openStream(resolver, uri).use { it.readAtMost(LARGEST_BYTES) })
    val decoded = ImageDecoder.decodeBitmap(ImageDecoder.createSource(bytes)) { decoder, info, _ ->
        decoder.allocator = ImageDecoder.ALLOCATOR_SOFTWARE
        val scale = LONGEST_SIDE_PX / maxOf(info.size.width, info.size.height).toFloat()
        if (scale < 1) decoder.setTargetSize(scaled(info.size.width, scale), scaled(info.size.height, scale))
    }
    val bitmap = if (decoded.hasAlpha()) overWhite(decoded) else decoded
    val pixels = IntArray(bitmap.width * bitmap.height)
    bitmap.getPixels(pixels, 0, bitmap.width, 0, 0, bitmap.width, bitmap.height)
    return StillFrame(pixels, bitmap.width, bitmap.height)
}

// As topformer/images.py: a model sees no transparency, and the screen shows what it sees.
private fun overWhite(picture: Bitmap): Bitmap {
    val opaque = Bitmap.createBitmap(picture.width, picture.height, Bitmap.Config.ARGB_8888)
    Canvas(opaque).run {
        drawColor(Color.WHITE)
        drawBitmap(picture, 0f, 0f, null)
    }
    return opaque
}

/** A picture with what was found over it, as the screen shows it. */
fun compose(picture: Bitmap, result: Result, classes: ShownClasses?, opacity: Float): Bitmap {
    val composed = picture.copy(Bitmap.Config.ARGB_8888, true)
    val place = RectF(0f, 0f, composed.width.toFloat(), composed.height.toFloat())
    val unit = minOf(composed.width, composed.height) / UNITS_ACROSS
    val painter = FindingsPainter().also { it.opacity = opacity }
    painter.draw(Canvas(composed), result.findings, place, classes, unit, textSize = maxOf(SMALLEST_TEXT_PX, 13 * unit))
    return composed
}

/** Writes a picture where other apps can be given it, in place of those of other days; throws [IOException]. */
fun writeShared(context: Context, picture: Bitmap): Uri {
    val folder = File(context.cacheDir, SHARED)
    folder.mkdirs()
    val nowMs = System.currentTimeMillis()
    // An app may read what it was given long after another picture was shared.
    folder.listFiles { file -> file.lastModified() < nowMs - A_DAY_MS }.orEmpty().forEach { it.delete() }
    val file = File(folder, "topformer-$nowMs.png")
    val written = file.outputStream().use { picture.compress(Bitmap.CompressFormat.PNG, 100, it) }
    if (!written) throw IOException("The picture could not be written.")
    return FileProvider.getUriForFile(context, "${context.packageName}.shared", file)
}
