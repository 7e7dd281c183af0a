package io.topformer.demo

/** What stands where the picture would be: what is wrong, why, and the button that helps. */
data class Notice(val what: String, val why: String, val actionText: Int? = null, val action: () -> Unit = {})
