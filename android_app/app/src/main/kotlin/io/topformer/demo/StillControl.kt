package io.topformer.demo

import android.app.Activity
import android.net.Uri

/** An opened picture in the camera's place. */
class StillControl(
    private val activity: Activity,
    private val files: UserFiles,
    private val choices: Choices,
    private val notices: Notices,
    private val host: Host,
) {
    /** What the picture needs of the screen. */
    interface Host {
        /** There is another picture, or none: then the camera is back. */
        fun onStill(frame: StillFrame?)
    }

    var frame: StillFrame? = null
        private set

    // What comes after something else was asked for is not shown.
    private var asked: Uri? = null

    fun open(uri: Uri) {
        asked = uri
        files.readPicture(uri, { if (asked === uri) show(uri, it) }) { error ->
            if (asked === uri) refuse(error.message.orEmpty())
        }
    }

    fun backToCamera() {
        asked = null
        choices.still = null
        frame = null
        notices.picture = null
        host.onStill(null)
    }

    private fun show(uri: Uri, read: StillFrame) {
        choices.still = uri
        frame = read
        notices.picture = null
        host.onStill(read)
    }

    private fun refuse(why: String) {
        val back = NoticeAction(R.string.live, ::backToCamera)
        notices.picture = Notice(activity.getString(R.string.no_picture), why, back)
    }
}
