package io.topformer.demo

import android.content.Context
import io.topformer.core.GoldenReader
import io.topformer.core.ManifestException
import io.topformer.core.ManifestReader
import io.topformer.core.ModelManifest
import java.io.File
import java.io.FileNotFoundException
import java.io.IOException
import java.io.InputStream

/** A model that can be opened, and its documents. */
class ReadyModel(val manifest: ModelManifest, val file: File, val golden: ByteArray?)

/** A model of the app or of its user: NAME.pte, NAME.json and, if there is one, NAME.golden. */
class StoredModel(val name: String, private val store: ModelStore, private val open: (String) -> InputStream) {
    /** Reads the manifest and checks the file against it; throws [ManifestException]. */
    fun prepare(): ReadyModel = store.explaining(name) {
        val manifest = ManifestReader.read(readBytes("$name.json", ManifestReader.LIMIT_BYTES))
        val golden = try {
            readBytes("$name.golden", GoldenReader.LIMIT_BYTES)
        } catch (_: FileNotFoundException) {
            null
        }
        ReadyModel(manifest, store.checked(manifest) { open("$name.pte") }, golden)
    }

    private fun readBytes(fileName: String, limitBytes: Int): ByteArray = open(fileName).use { it.readAtMost(limitBytes) }
}

/** The models within the app, and those that its user added. */
class ModelStore(private val context: Context, private val assetFolder: String) {
    private val added = File(context.filesDir, "models")
    private val checked = File(context.noBackupFilesDir, "checked")

    /** All models by name, the user's first. */
    fun list(): List<StoredModel> {
        val ofUser = names(added.list()).map { name -> StoredModel(name, this) { File(added, it).inputStream() } }
        val ofApp = names(context.assets.list(assetFolder))
            .map { name -> StoredModel(name, this) { context.assets.open("$assetFolder/$it") } }
        return ofUser + ofApp.filter { model -> ofUser.none { it.name == model.name } }
    }

    /** Adds a user's files, whatever their order; throws [ManifestException] when they are not a model. */
    fun add(files: Map<String, () -> InputStream>): StoredModel {
        val name = names(files.keys.toTypedArray()).singleOrNull()?.takeIf { "$it.json" in files && '/' !in it }
            ?: throw ManifestException("These files are not a model.", "Choose NAME.pte and its NAME.json together.")
        return explaining(name) {
            added.mkdirs()
            for (suffix in listOf(".pte", ".json", ".golden")) {
                val open = files[name + suffix] ?: continue
                writeWhole(File(added, name + suffix)) { out -> open().use { it.copyAtMost(LARGEST_BYTES, out) } }
            }
            list().first { it.name == name }.also { it.prepare() }
        }
    }

    /** The model as a file that has the manifest's hash; a runtime can open nothing but files. */
    internal fun checked(manifest: ModelManifest, open: () -> InputStream): File {
        val file = File(checked, "${manifest.fileSha256}.pte")
        if (file.isFile && sha256(file) == manifest.fileSha256) return file
        // One model at a time, so that old ones do not pile up.
        checked.deleteRecursively()
        checked.mkdirs()
        writeWhole(file) { out -> open().use { it.copyAtMost(manifest.fileSizeBytes, out) } }
        val found = sha256(file)
        if (found == manifest.fileSha256) return file
        file.delete()
        throw ManifestException(
            "The model is not the file that its manifest describes.",
            "Its SHA-256 starts with ${found.take(12)}, the manifest's with ${manifest.fileSha256.take(12)}.",
        )
    }

    internal inline fun <T> explaining(name: String, action: () -> T): T =
        try {
            action()
        } catch (error: FileNotFoundException) {
            throw ManifestException("A file of $name is missing.", error.message.orEmpty())
        } catch (error: IOException) {
            throw ManifestException("$name can't be read.", error.message.orEmpty())
        }

    private fun names(files: Array<String>?): List<String> =
        files.orEmpty().filter { it.endsWith(".pte") }.map { it.removeSuffix(".pte") }.sorted()

    private companion object {
        const val LARGEST_BYTES = 1L shl 30
    }
}
