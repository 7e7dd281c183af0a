package io.topformer.demo

import android.content.ContentResolver
import android.net.Uri
import android.provider.OpenableColumns
import java.io.IOException
import java.io.InputStream

/** Asks another app for something; throws [IOException], whatever that app throws into this one. */
inline fun <T> asking(action: () -> T): T =
    try {
        action()
    } catch (error: SecurityException) {
        throw IOException("The app may not, or no longer, reach it.", error)
    } catch (error: RuntimeException) {
        throw IOException("The app that has it fails: $error", error)
    }

/** Opens a user's file; throws [IOException]. */
fun openStream(resolver: ContentResolver, uri: Uri): InputStream =
    asking { resolver.openInputStream(uri) } ?: throw IOException("It is gone.")

/** What a user's file is called; empty where that can't be learned. */
fun nameOf(resolver: ContentResolver, uri: Uri): String =
    try {
        asking {
            resolver.query(uri, arrayOf(OpenableColumns.DISPLAY_NAME), null, null, null)?.use { rows ->
                if (rows.moveToFirst()) rows.getString(0) else null
            }
        }.orEmpty()
    } catch (_: IOException) {
        ""
    }
