package io.topformer.demo

import android.app.Activity
import android.app.AlertDialog
import android.app.Dialog

/** Offers the pictures that come with the app, and the user's own. */
fun showPictures(activity: Activity, onSample: (Sample) -> Unit, onOwn: () -> Unit): Dialog {
    val samples = SamplesView(activity)
    val side = (24 * activity.resources.displayMetrics.density).toInt()
    samples.setPadding(side, side / 2, side, 0)
    val dialog = AlertDialog.Builder(activity)
        .setTitle(R.string.pictures_title)
        .setView(samples)
        .setPositiveButton(R.string.your_pictures) { _, _ -> onOwn() }
        .setNegativeButton(R.string.cancel, null)
        .show()
    samples.onChosen = {
        dialog.dismiss()
        onSample(it)
    }
    return dialog
}
