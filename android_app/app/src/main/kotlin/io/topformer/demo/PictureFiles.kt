package io.topformer.demo

import android.content.ContentResolver
import android.content.Context
import android.graphics.Bitmap
import android.graphics.Canvas
import android.graphics.ImageDecoder
import android.graphics.Paint
import android.graphics.Rect
import android.net.Uri
import androidx.core.content.FileProvider
import java.io.File
import java.io.IOException
import java.nio.ByteBuffer

private const val LONGEST_SIDE_PX = 2048
private const val LARGEST_BYTES = 64 shl 20

// As in res/xml/shared.xml.
private const val SHARED = "shared"

/** Reads a picture upright, made smaller where it is very large; throws [IOException]. */
fun readPicture(resolver: ContentResolver, uri: Uri): StillFrame = try {
    decodePicture(resolver, uri)
} catch (error: OutOfMemoryError) {
    throw IOException("It does not fit into memory.", error)
}

private fun decodePicture(resolver: ContentResolver, uri: Uri): StillFrame {
    val bytes = ByteBuffer.wrap(openStream(resolver, uri).use { it.readAtMost(LARGEST_BYTES) })
    val bitmap = ImageDecoder.decodeBitmap(ImageDecoder.createSource(bytes)) { decoder, info, _ ->
        decoder.allocator = ImageDecoder.ALLOCATOR_SOFTWARE
        val longest = maxOf(info.size.width, info.size.height)
        decoder.setTargetSampleSize(maxOf(1, (longest + LONGEST_SIDE_PX - 1) / LONGEST_SIDE_PX))
    }
    val pixels = IntArray(bitmap.width * bitmap.height)
    bitmap.getPixels(pixels, 0, bitmap.width, 0, 0, bitmap.width, bitmap.height)
    return StillFrame(pixels, bitmap.width, bitmap.height)
}

/** A picture with its labels over it, as the screen shows them. */
fun compose(picture: Bitmap, result: Result, opacity: Float): Bitmap {
    val composed = picture.copy(Bitmap.Config.ARGB_8888, true)
    val place = Rect(0, 0, composed.width, composed.height)
    val paint = Paint(Paint.FILTER_BITMAP_FLAG).apply { colorFilter = overlayFilter(opacity) }
    Canvas(composed).drawBitmap(result.overlay, null, place, paint)
    return composed
}

/** Writes a picture where other apps can be given it, in place of the last one; throws [IOException]. */
fun writeShared(context: Context, picture: Bitmap): Uri {
    val folder = File(context.cacheDir, SHARED)
    folder.deleteRecursively()
    folder.mkdirs()
    val file = File(folder, "topformer-${System.currentTimeMillis()}.png")
    val written = file.outputStream().use { picture.compress(Bitmap.CompressFormat.PNG, 100, it) }
    if (!written) throw IOException("The picture could not be written.")
    return FileProvider.getUriForFile(context, "${context.packageName}.shared", file)
}
