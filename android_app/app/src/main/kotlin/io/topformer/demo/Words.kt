package io.topformer.demo

import io.topformer.core.ModelManifest

/** What the screen calls what a model finds. */
enum class Words(
    val opacity: Int,
    val compare: Int,
    val shareText: Int,
    val randomWeights: Int,
    val timesPart: Int,
    val differsWhat: Int,
    val differsWhy: Int,
) {
    LABELS(
        R.string.opacity_described,
        R.string.compare_described,
        R.string.share_text,
        R.string.random_weights,
        R.string.times_labels,
        R.string.check_differs_what,
        R.string.check_differs_why,
    ),
    BOXES(
        R.string.opacity_of_boxes,
        R.string.compare_boxes,
        R.string.share_boxes,
        R.string.random_boxes,
        R.string.times_boxes,
        R.string.check_boxes_differ_what,
        R.string.check_boxes_differ_why,
    ),
}

val ModelManifest.words: Words get() = if (detection == null) Words.LABELS else Words.BOXES
