package io.topformer.demo

import android.app.Activity
import android.content.Intent
import android.graphics.Bitmap
import android.net.Uri
import android.provider.OpenableColumns
import io.topformer.core.ModelException
import java.io.IOException
import java.util.concurrent.Executors

/** Pictures and models that the user opens and shares; read and written on a thread of its own. */
class UserFiles(private val activity: Activity) : AutoCloseable {
    private val files = Executors.newSingleThreadExecutor()
    private val resolver = activity.contentResolver

    /** Asks the system for files; they arrive at the activity's result. */
    fun ask(request: Int, type: String, several: Boolean) {
        val open = Intent(Intent.ACTION_OPEN_DOCUMENT).addCategory(Intent.CATEGORY_OPENABLE).setType(type)
        activity.startActivityForResult(open.putExtra(Intent.EXTRA_ALLOW_MULTIPLE, several), request)
    }

    fun readPicture(uri: Uri, onRead: (StillFrame) -> Unit, onFailure: (IOException) -> Unit) = files.execute {
        try {
            val frame = readPicture(resolver, uri)
            activity.runOnUiThread { onRead(frame) }
        } catch (error: IOException) {
            activity.runOnUiThread { onFailure(error) }
        }
    }

    fun addModel(uris: List<Uri>, store: ModelStore, onAdded: (StoredModel) -> Unit, onFailure: (ModelException) -> Unit) =
        files.execute {
            try {
                val added = store.add(uris.associate { uri -> nameOf(uri) to { openStream(uri) } })
                activity.runOnUiThread { onAdded(added) }
            } catch (error: ModelException) {
                activity.runOnUiThread { onFailure(error) }
            }
        }

    /** Saves a picture among the user's, and offers it to other apps. */
    fun share(picture: Bitmap, text: String, onFailure: (IOException) -> Unit) = files.execute {
        try {
            val uri = savePicture(resolver, picture, "topformer-${System.currentTimeMillis()}.png")
            val send = Intent(Intent.ACTION_SEND).setType("image/png").putExtra(Intent.EXTRA_STREAM, uri)
                .putExtra(Intent.EXTRA_TEXT, text)
                .addFlags(Intent.FLAG_GRANT_READ_URI_PERMISSION)
            activity.runOnUiThread { activity.startActivity(Intent.createChooser(send, null)) }
        } catch (error: IOException) {
            activity.runOnUiThread { onFailure(error) }
        }
    }

    override fun close() = files.shutdown()

    private fun openStream(uri: Uri) = resolver.openInputStream(uri) ?: throw IOException("$uri can't be opened.")

    private fun nameOf(uri: Uri): String =
        resolver.query(uri, arrayOf(OpenableColumns.DISPLAY_NAME), null, null, null)?.use { rows ->
            if (rows.moveToFirst()) rows.getString(0) else null
        }.orEmpty()
}
