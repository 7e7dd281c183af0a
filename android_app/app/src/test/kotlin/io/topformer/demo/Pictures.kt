package io.topformer.demo

import android.graphics.Bitmap
import android.graphics.Canvas
import android.graphics.Color
import android.graphics.LinearGradient
import android.graphics.Matrix
import android.graphics.Paint
import android.graphics.Rect
import android.graphics.Shader
import java.io.File

/** A picture like a photo of a street, drawn. */
fun streetPicture(width: Int, height: Int): File {
    val bitmap = Bitmap.createBitmap(width, height, Bitmap.Config.ARGB_8888)
    val canvas = Canvas(bitmap)
    val paint = Paint(Paint.ANTI_ALIAS_FLAG)
    val ends = intArrayOf(Color.rgb(120, 170, 220), Color.rgb(235, 225, 205), Color.rgb(90, 90, 95))
    paint.shader = LinearGradient(0f, 0f, 0f, height.toFloat(), ends, null, Shader.TileMode.CLAMP)
    canvas.drawRect(0f, 0f, width.toFloat(), height.toFloat(), paint)
    paint.shader = null
    paint.color = Color.rgb(150, 110, 90)
    canvas.drawRect(width * 0.05f, height * 0.2f, width * 0.35f, height * 0.7f, paint)
    paint.color = Color.rgb(60, 120, 60)
    canvas.drawCircle(width * 0.8f, height * 0.4f, width * 0.18f, paint)
    paint.color = Color.rgb(30, 60, 140)
    canvas.drawRoundRect(width * 0.4f, height * 0.65f, width * 0.75f, height * 0.82f, 20f, 20f, paint)
    val file = File.createTempFile("street", ".png")
    file.outputStream().use { bitmap.compress(Bitmap.CompressFormat.PNG, 100, it) }
    return file
}

/** What a sensor of 640 x 480 sees: one colour above, another below. */
fun halves(above: Int, below: Int = above): Bitmap {
    val bitmap = Bitmap.createBitmap(640, 480, Bitmap.Config.ARGB_8888)
    val canvas = Canvas(bitmap)
    canvas.drawColor(above)
    canvas.drawRect(0f, 240f, 640f, 480f, Paint().apply { color = below })
    return bitmap
}

/** The left of a picture, as large as it can be cut from it in this shape. */
fun leftOf(picture: Bitmap, width: Int, height: Int): Bitmap {
    val cut = Bitmap.createBitmap(width, height, Bitmap.Config.ARGB_8888)
    val part = Rect(0, 0, picture.height * width / height, picture.height)
    Canvas(cut).drawBitmap(picture, part, Rect(0, 0, width, height), Paint(Paint.FILTER_BITMAP_FLAG))
    return cut
}

/** An upright picture as a sensor sees it that must be turned by 90 degrees. */
fun lying(picture: Bitmap): Bitmap =
    Bitmap.createBitmap(picture, 0, 0, picture.width, picture.height, Matrix().apply { postRotate(-90f) }, false)
