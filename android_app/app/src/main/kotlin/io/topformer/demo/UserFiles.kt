package io.topformer.demo

import android.content.ClipData
import android.content.Context
import android.content.Intent
import android.graphics.Bitmap
import android.net.Uri
import androidx.core.content.ContextCompat
import io.topformer.core.ModelException
import java.io.IOException
import java.util.concurrent.Executors

/** Pictures and models that the user opens and shares; read and written on a thread of its own. */
class UserFiles(private val context: Context) : AutoCloseable {
    private val files = Executors.newSingleThreadExecutor()
    private val main = ContextCompat.getMainExecutor(context)
    private val resolver = context.contentResolver

    /** Reads a picture. */
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

    /** Offers a picture to other apps. */
    fun share(picture: Bitmap, text: String, onOffer: (Intent) -> Unit, onFailure: (IOException) -> Unit) = files.execute {
        try {
            val uri = writeShared(context, picture)
            val send = Intent(Intent.ACTION_SEND).setType("image/png").putExtra(Intent.EXTRA_STREAM, uri)
                .putExtra(Intent.EXTRA_TEXT, text)
                .addFlags(Intent.FLAG_GRANT_READ_URI_PERMISSION)
            // The system's chooser shows the picture too, and is allowed to by this alone.
            send.clipData = ClipData.newRawUri(null, uri)
            tell { onOffer(Intent.createChooser(send, null)) }
        } catch (error: IOException) {
            tell { onFailure(error) }
        }
    }

    override fun close() = files.shutdown()

    /** Asks a picture's app to give it on other days too. */
    fun keep(uri: Uri) = files.execute {
        try {
            resolver.takePersistableUriPermission(uri, Intent.FLAG_GRANT_READ_URI_PERMISSION)
        } catch (_: SecurityException) {
            // Then it can be read for as long as this app runs.
        }
    }

    /** Needs a picture on no other day any more. What an app may read on other days is limited in number. */
    fun forget(uri: Uri) = files.execute {
        try {
            resolver.releasePersistableUriPermission(uri, Intent.FLAG_GRANT_READ_URI_PERMISSION)
        } catch (_: SecurityException) {
            // Its app gave it for one day only, or it is one of this app's own.
        }
    }

    // What is read may come when nobody waits for it any more.
    private fun tell(action: () -> Unit) = main.execute { if (!files.isShutdown) action() }
}
