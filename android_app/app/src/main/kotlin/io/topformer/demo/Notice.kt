package io.topformer.demo

/** A button of a notice. */
class NoticeAction(val text: Int, val run: () -> Unit)

/** What stands where the picture would be: what is wrong, why, and at most two buttons that help. */
class Notice(val what: String, val why: String, vararg val actions: NoticeAction)

/** The troubles of the model and of the picture, which come and go on their own. The model's is shown first. */
class Notices(private val onChange: () -> Unit) {
    var model: Notice? = null
        set(value) {
            field = value
            onChange()
        }

    var picture: Notice? = null
        set(value) {
            field = value
            onChange()
        }

    val shown: Notice? get() = model ?: picture
}
