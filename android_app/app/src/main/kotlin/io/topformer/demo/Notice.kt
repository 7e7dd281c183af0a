package io.topformer.demo

/** A button of a notice. */
class NoticeAction(val text: Int, val run: () -> Unit)

/** What stands where the picture would be: what is wrong, why, and at most two buttons that help. */
class Notice(
    val what: String,
    val why: String,
    val actions: List<NoticeAction>,
    /** Whether pictures that come with the app are shown too. */
    val offersPictures: Boolean = false,
) {
    constructor(what: String, why: String, vararg actions: NoticeAction) : this(what, why, actions.toList())
}

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
