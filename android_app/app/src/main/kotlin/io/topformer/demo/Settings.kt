package io.topformer.demo

import android.content.SharedPreferences
import android.net.Uri
import kotlin.properties.Delegates
import kotlin.properties.ReadWriteProperty

/** What the user has set, remembered over days. For the main thread; [onChange] is told of each change. */
class Settings(private val stored: SharedPreferences, private val onChange: () -> Unit) {
    /** Null for the first there is. */
    var modelName by kept(stored.getString(MODEL, null)) { putString(MODEL, it) }

    var threads by kept(stored.getInt(THREADS, minOf(4, Runtime.getRuntime().availableProcessors()))) {
        putInt(THREADS, it)
    }

    var facing by kept(Facing.entries.getOrElse(stored.getInt(FACING, 0)) { Facing.BACK }) { putInt(FACING, it.ordinal) }

    /** A picture that is shown instead of the camera. */
    var still by kept(stored.getString(STILL, null)?.let(Uri::parse)) { putString(STILL, it?.toString()) }

    /** How much the labels cover of the picture, from 0 to 1. */
    var opacity by kept(stored.getFloat(OPACITY, 0.5f)) { putFloat(OPACITY, it) }

    /** The name of a class that is shown without the others. */
    var alone by kept(stored.getString(ALONE, null)) { putString(ALONE, it) }

    /** The names of classes that are not shown. */
    var hidden by kept(stored.getStringSet(HIDDEN, null).orEmpty().toSet()) { putStringSet(HIDDEN, it) }

    /** Whether classes have display colours, and not those of the model's file. */
    var isVivid by kept(stored.getBoolean(VIVID, true)) { putBoolean(VIVID, it) }

    private fun <T> kept(value: T, put: SharedPreferences.Editor.(T) -> Unit): ReadWriteProperty<Settings, T> =
        Delegates.observable(value) { _, old, new ->
            if (new != old) {
                stored.edit().apply { put(new) }.apply()
                onChange()
            }
        }

    private companion object {
        const val MODEL = "model"
        const val THREADS = "threads"
        const val FACING = "facing"
        const val STILL = "still"
        const val OPACITY = "opacity"
        const val ALONE = "alone"
        const val HIDDEN = "hidden"
        const val VIVID = "vivid"
    }
}
