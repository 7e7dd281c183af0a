package io.topformer.demo

import android.content.ContentResolver
import android.content.ContentValues
import android.graphics.Bitmap
import android.graphics.Canvas
import android.graphics.ImageDecoder
import android.graphics.Paint
import android.net.Uri
import android.os.Environment
import android.provider.MediaStore
import java.io.IOException
import java.nio.ByteBuffer

private const val LONGEST_SIDE_PX = 2048
private const val LARGEST_BYTES = 64 shl 20

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
    val width = if (result.picture == null) picture.width else result.overlay.width
    val composed = Bitmap.createBitmap(width, width * result.pictureHeight / result.pictureWidth, Bitmap.Config.ARGB_8888)
    val canvas = Canvas(composed)
    val place = android.graphics.Rect(0, 0, composed.width, composed.height)
    canvas.drawBitmap(picture, null, place, Paint(Paint.FILTER_BITMAP_FLAG))
    canvas.drawBitmap(result.overlay, null, place, Paint(Paint.FILTER_BITMAP_FLAG).apply { alpha = (opacity * 255).toInt() })
    return composed
}

/** Saves a picture among the user's, where other apps can be shown it; throws [IOException]. */
fun savePicture(resolver: ContentResolver, picture: Bitmap, name: String): Uri {
    val values = ContentValues().apply {
        put(MediaStore.Images.Media.DISPLAY_NAME, name)
        put(MediaStore.Images.Media.MIME_TYPE, "image/png")
        put(MediaStore.Images.Media.RELATIVE_PATH, "${Environment.DIRECTORY_PICTURES}/TopFormer")
    }
    val uri = asking { resolver.insert(MediaStore.Images.Media.EXTERNAL_CONTENT_URI, values) }
        ?: throw IOException("The gallery takes no picture.")
    var saved = false
    try {
        saved = asking { resolver.openOutputStream(uri) }
            ?.use { picture.compress(Bitmap.CompressFormat.PNG, 100, it) } ?: false
    } finally {
        if (!saved) asking { resolver.delete(uri, null, null) }
    }
    if (!saved) throw IOException("The picture could not be written.")
    return uri
}
