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
class StoredModel(
    val name: String,
    private val open: (String) -> InputStream,
    private val find: (ModelManifest) -> File,
) {
    /** Reads the manifest and checks the file against it; throws [ManifestException]. */
    fun prepare(): ReadyModel = explaining(name) {
        val manifest = ManifestReader.read(readBytes("$name.json", ManifestReader.LIMIT_BYTES))
        val golden = try {
            readBytes("$name.golden", GoldenReader.LIMIT_BYTES)
        } catch (_: FileNotFoundException) {
            null
        }
        ReadyModel(manifest, find(manifest), golden)
    }

    private fun readBytes(fileName: String, limitBytes: Int): ByteArray = open(fileName).use { it.readAtMost(limitBytes) }
}

/** The models within the app, and those that its user added. */
class ModelStore(private val context: Context, private val assetFolder: String) {
    private val added = File(context.filesDir, "models")
    private val arriving = File(context.noBackupFilesDir, "arriving")
    private val unpacked = File(context.noBackupFilesDir, "checked")

    /** All models by name, the user's first. */
    fun list(): List<StoredModel> {
        val ofUser = names(added.list()).map { fileModel(added, it) }
        val ofApp = names(context.assets.list(assetFolder)).map(::assetModel)
        return ofUser + ofApp.filter { model -> ofUser.none { it.name == model.name } }
    }

    /** Adds a user's files, whatever their order; throws [ManifestException] and adds none when they are not a model. */
    fun add(files: Map<String, () -> InputStream>): StoredModel {
        val name = names(files.keys.toTypedArray()).singleOrNull()?.takeIf { "$it.json" in files && isPlain(it) }
            ?: throw ManifestException("These files are not a model.", "Choose NAME.pte and its NAME.json together.")
        return explaining(name) {
            arriving.deleteRecursively()
            arriving.mkdirs()
            try {
                for ((suffix, limitBytes) in SUFFIXES) {
                    val open = files[name + suffix] ?: continue
                    File(arriving, name + suffix).outputStream().use { out -> open().use { it.copyAtMost(limitBytes, out) } }
                }
                fileModel(arriving, name).prepare()
                replace(name)
            } finally {
                arriving.deleteRecursively()
            }
            fileModel(added, name)
        }
    }

    // The .pte, by which models are listed, goes last.
    private fun replace(name: String) {
        added.mkdirs()
        File(added, "$name.pte").delete()
        for (suffix in SUFFIXES.keys.reversed()) {
            val file = File(added, name + suffix)
            file.delete()
            val arrived = File(arriving, file.name)
            if (arrived.exists() && !arrived.renameTo(file)) throw IOException("$file can't be written.")
        }
    }

    private fun fileModel(folder: File, name: String) = StoredModel(name, { File(folder, it).inputStream() }) { manifest ->
        File(folder, "$name.pte").also { check(it, manifest) }
    }

    private fun assetModel(name: String) = StoredModel(name, { context.assets.open("$assetFolder/$it") }) { manifest ->
        unpack(manifest) { context.assets.open("$assetFolder/$name.pte") }
    }

    /** An asset as a file: a runtime can open nothing else. */
    private fun unpack(manifest: ModelManifest, open: () -> InputStream): File = synchronized(UNPACKING) {
        val file = File(unpacked, "${manifest.fileSha256}.pte")
        if (file.isFile && sha256(file) == manifest.fileSha256) return file
        // One model at a time, so that old ones do not pile up.
        unpacked.deleteRecursively()
        unpacked.mkdirs()
        writeWhole(file) { out -> open().use { it.copyAtMost(manifest.fileSizeBytes, out) } }
        try {
            check(file, manifest)
        } catch (error: ManifestException) {
            file.delete()
            throw error
        }
        file
    }

    private fun check(file: File, manifest: ModelManifest) {
        val found = sha256(file)
        if (found == manifest.fileSha256) return
        throw ManifestException(
            "The model is not the file that its manifest describes.",
            "Its SHA-256 starts with ${found.take(12)}, the manifest's with ${manifest.fileSha256.take(12)}.",
        )
    }

    // Foreign names must not lead elsewhere.
    private fun isPlain(name: String) = name.isNotEmpty() && name[0] != '.' && '/' !in name && '\u0000' !in name

    private fun names(files: Array<String>?): List<String> =
        files.orEmpty().filter { it.endsWith(".pte") }.map { it.removeSuffix(".pte") }.sorted()

    private companion object {
        val SUFFIXES = mapOf(
            ".pte" to (1L shl 30),
            ".json" to ManifestReader.LIMIT_BYTES.toLong(),
            ".golden" to GoldenReader.LIMIT_BYTES.toLong(),
        )

        // Of all stores: a screen may be opened while the one before still opens its model. A bench has its own process.
        val UNPACKING = Any()
    }
}

private inline fun <T> explaining(name: String, action: () -> T): T =
    try {
        action()
    } catch (error: FileNotFoundException) {
        throw ManifestException("A file of $name is missing.", error.message.orEmpty())
    } catch (error: IOException) {
        throw ManifestException("$name can't be read.", error.message.orEmpty())
    } catch (_: OutOfMemoryError) {
        throw ManifestException("$name can't be read.", "Its documents do not fit into memory.")
    }
