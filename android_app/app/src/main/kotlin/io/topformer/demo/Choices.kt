package io.topformer.demo

import android.net.Uri
import android.os.Bundle

/** What the user has chosen; outlives the process. */
class Choices(saved: Bundle?) {
    /** Null for the first there is. */
    var modelName: String? = saved?.getString(MODEL)
    var threads: Int = saved?.getInt(THREADS) ?: minOf(4, Runtime.getRuntime().availableProcessors())
    var facing: Facing = Facing.entries[saved?.getInt(FACING) ?: 0]

    /** A picture that is shown instead of the camera. */
    var still: Uri? = saved?.getString(STILL)?.let(Uri::parse)

    fun save(out: Bundle) {
        out.putString(MODEL, modelName)
        out.putInt(THREADS, threads)
        out.putInt(FACING, facing.ordinal)
        out.putString(STILL, still?.toString())
    }

    private companion object {
        const val MODEL = "model"
        const val THREADS = "threads"
        const val FACING = "facing"
        const val STILL = "still"
    }
}
