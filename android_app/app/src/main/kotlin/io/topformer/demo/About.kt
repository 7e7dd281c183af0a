package io.topformer.demo

import android.app.Activity
import android.app.AlertDialog
import android.app.Dialog
import android.content.Context
import android.text.format.Formatter
import io.topformer.segmenter.ExecuTorchSegmenter

private const val SHORT_HASH = 12

/** Tells what a model is, where it comes from and what may be done with it, in its manifest's own words. */
fun showAbout(activity: Activity, model: OpenedModel): Dialog = AlertDialog.Builder(activity)
    .setTitle(R.string.about_model)
    .setMessage(aboutText(activity, model))
    .setPositiveButton(R.string.close, null)
    .show()

private fun aboutText(context: Context, model: OpenedModel): String {
    val manifest = model.manifest
    val size = Formatter.formatFileSize(context, manifest.fileSizeBytes)
    val hash = manifest.fileSha256.take(SHORT_HASH)
    val madeWith = manifest.runtimeVersions.entries.joinToString { (name, version) -> "$name $version" }
    val proof = when (manifest.proofPassed) {
        true -> R.string.about_proof_passed
        false -> R.string.about_proof_failed
        null -> R.string.about_proof_absent
    }
    val shape = context.getString(R.string.about_shape, manifest.inputHeight, manifest.inputWidth, manifest.classCount)
    return listOfNotNull(
        R.string.about_network to "${manifest.variant}, $shape",
        R.string.about_file to "${manifest.fileName}, $size, ${manifest.precision}, ${manifest.target}",
        R.string.about_hash to hash,
        R.string.about_data to manifest.dataset,
        R.string.about_weights to "${manifest.weightsName}, ${manifest.weightsSource}",
        R.string.about_licence to manifest.licence,
        R.string.about_proof to context.getString(proof),
        R.string.about_runtime to context.getString(R.string.about_executorch, ExecuTorchSegmenter.RUNTIME_VERSION),
        R.string.about_made_with to madeWith,
        model.selfCheck.credit?.let { R.string.about_picture to it },
    ).joinToString("\n\n") { (label, value) -> context.getString(R.string.two_lines, context.getString(label), value) }
}
