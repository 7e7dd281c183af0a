package io.topformer.demo

import java.io.ByteArrayOutputStream
import java.io.File
import java.io.IOException
import java.io.InputStream
import java.io.OutputStream
import java.security.MessageDigest

/** Writes a file that is whole or absent; throws [IOException]. */
fun writeWhole(file: File, write: (OutputStream) -> Unit) {
    val part = File(file.path + ".part")
    try {
        part.outputStream().use(write)
        if (!part.renameTo(file)) throw IOException("$file can't be written.")
    } finally {
        part.delete()
    }
}

/** Copies all of a stream; throws [IOException] for one of more than [limitBytes]. */
fun InputStream.copyAtMost(limitBytes: Long, out: OutputStream) {
    val buffer = ByteArray(1 shl 16)
    var total = 0L
    while (true) {
        val count = read(buffer)
        if (count < 0) return
        total += count
        if (total > limitBytes) throw IOException("The file is larger than $limitBytes bytes.")
        out.write(buffer, 0, count)
    }
}

/** Reads all of a stream; throws [IOException] for one of more than [limitBytes]. */
fun InputStream.readAtMost(limitBytes: Int): ByteArray {
    val out = ByteArrayOutputStream()
    copyAtMost(limitBytes.toLong(), out)
    return out.toByteArray()
}

/** Hex digest of a file. */
fun sha256(file: File): String {
    val digest = MessageDigest.getInstance("SHA-256")
    file.inputStream().use { stream ->
        val buffer = ByteArray(1 shl 16)
        while (true) {
            val count = stream.read(buffer)
            if (count < 0) break
            digest.update(buffer, 0, count)
        }
    }
    return digest.digest().joinToString("") { "%02x".format(it) }
}
