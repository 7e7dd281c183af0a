package io.topformer.demo

import android.content.Context
import android.net.Uri
import java.io.IOException

/** An opened picture in the camera's place. */
class StillControl(
    private val context: Context,
    private val files: UserFiles,
    private val settings: Settings,
    private val notices: Notices,
    private val host: Host,
) {
    /** What the picture needs of the screen. */
    interface Host {
        /** There is another picture, or none: then the camera is back. */
        fun onStill(frame: StillFrame?)
    }

    /** Whether a picture is shown, or waited for since an earlier day. */
    val hasPlace: Boolean get() = settings.still != null
    var frame: StillFrame? = null
        private set

    // What comes after something else was asked for is not shown.
    private var asked: Uri? = null

    fun open(uri: Uri) = read(uri) { error -> refuse(error.message.orEmpty()) }

    /** Opens the picture that was there last; the camera is there where it can't be read any more. */
    fun reopen(uri: Uri) = read(uri) { backToCamera() }

    private fun read(uri: Uri, onFailure: (IOException) -> Unit) {
        asked = uri
        files.readPicture(uri, { if (asked === uri) show(uri, it) }) { if (asked === uri) onFailure(it) }
    }

    fun backToCamera() {
        asked = null
        remember(null)
        frame = null
        notices.picture = null
        host.onStill(null)
    }

    private fun show(uri: Uri, read: StillFrame) {
        remember(uri)
        frame = read
        notices.picture = null
        host.onStill(read)
    }

    private fun remember(uri: Uri?) {
        val before = settings.still
        if (uri == before) return
        before?.let(files::forget)
        uri?.let(files::keep)
        settings.still = uri
    }

    private fun refuse(why: String) {
        val back = NoticeAction(R.string.live, ::backToCamera)
        notices.picture = Notice(context.getString(R.string.no_picture), why, back)
    }
}
