package io.topformer.demo

import android.app.Activity
import android.content.ClipData
import android.content.Intent
import android.graphics.Bitmap
import android.net.Uri
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
            tell { onRead(frame) }
        } catch (error: IOException) {
            tell { onFailure(error) }
        }
    }

    fun addModel(uris: List<Uri>, store: ModelStore, onAdded: (StoredModel) -> Unit, onFailure: (ModelException) -> Unit) =
        files.execute {
            try {
                val files = uris.associate { uri -> nameOf(resolver, uri) to { openStream(resolver, uri) } }
                val added = store.add(files)
                tell { onAdded(added) }
            } catch (error: ModelException) {
                tell { onFailure(error) }
            }
        }

    /** Saves a picture among the user's, and offers it to other apps. */
    fun share(picture: Bitmap, text: String, onFailure: (IOException) -> Unit) = files.execute {
        try {
            val uri = savePicture(resolver, picture, "topformer-${System.currentTimeMillis()}.png")
            val send = Intent(Intent.ACTION_SEND).setType("image/png").putExtra(Intent.EXTRA_STREAM, uri)
                .putExtra(Intent.EXTRA_TEXT, text)
                .addFlags(Intent.FLAG_GRANT_READ_URI_PERMISSION)
            // The system's chooser shows the picture too, and is allowed to by this alone.
            send.clipData = ClipData.newRawUri(null, uri)
            tell { activity.startActivity(Intent.createChooser(send, null)) }
        } catch (error: IOException) {
            tell { onFailure(error) }
        }
    }

    override fun close() = files.shutdown()

    // What is read may come when the screen is gone.
    private fun tell(action: () -> Unit) = activity.runOnUiThread { if (!activity.isDestroyed) action() }
}
