package io.topformer.demo

import android.content.ContentProvider
import android.content.ContentValues
import android.database.Cursor
import android.database.MatrixCursor
import android.net.Uri
import android.os.ParcelFileDescriptor
import android.provider.OpenableColumns
import org.robolectric.Robolectric
import java.io.File
import java.io.FileNotFoundException
import java.util.concurrent.CountDownLatch
import java.util.concurrent.TimeUnit

/** What the providers below have in common: nothing but files. */
abstract class FileProvider : ContentProvider() {
    override fun onCreate() = true

    override fun getType(uri: Uri): String? = null

    override fun insert(uri: Uri, values: ContentValues?): Uri? = null

    override fun update(uri: Uri, values: ContentValues?, where: String?, arguments: Array<String>?) = 0

    override fun delete(uri: Uri, where: String?, arguments: Array<String>?) = 0

    override fun query(uri: Uri, columns: Array<String>?, where: String?, arguments: Array<String>?, order: String?): Cursor? =
        null
}

/** Files as the system lets users choose them, each with a name of its provider's. */
class Documents : FileProvider() {
    private val documents = ArrayList<Pair<String, File>>()

    /** Waited for before anything is read; null where the provider is quick. */
    var gate: CountDownLatch? = null

    /** Set when the app's permission to read is over. */
    var isRevoked = false

    fun add(name: String, content: ByteArray): Uri {
        documents += name to File.createTempFile("document", null).apply { writeBytes(content) }
        return Uri.parse("content://$AUTHORITY/${documents.size - 1}")
    }

    override fun query(uri: Uri, columns: Array<String>?, where: String?, arguments: Array<String>?, order: String?): Cursor =
        MatrixCursor(arrayOf(OpenableColumns.DISPLAY_NAME)).apply { addRow(arrayOf(documents[numberOf(uri)].first)) }

    override fun openFile(uri: Uri, mode: String): ParcelFileDescriptor {
        gate?.await(10, TimeUnit.SECONDS)
        if (isRevoked) throw SecurityException("Permission denial: reading $uri")
        return ParcelFileDescriptor.open(documents[numberOf(uri)].second, ParcelFileDescriptor.MODE_READ_ONLY)
    }

    private fun numberOf(uri: Uri): Int = checkNotNull(uri.lastPathSegment).toInt()

    companion object {
        private const val AUTHORITY = "io.topformer.documents"

        fun install(): Documents = Robolectric.buildContentProvider(Documents::class.java).create(AUTHORITY).get()
    }
}
