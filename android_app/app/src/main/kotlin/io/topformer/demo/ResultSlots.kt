package io.topformer.demo

/**
 * Hands results from the thread that makes them to the one that shows them: the newest wins, and none is filled while
 * it can be seen. The one before what is shown is kept back as well, because the system may still be drawing it.
 */
class ResultSlots {
    private val free = ArrayDeque(List(5) { Result() })
    private var newest: Result? = null
    private var shown: Result? = null
    private var shownBefore: Result? = null

    /** A result to be filled; give it back by [publish] or [giveBack]. */
    @Synchronized
    fun take(): Result = free.removeFirst()

    @Synchronized
    fun giveBack(result: Result) {
        free.addLast(result)
    }

    @Synchronized
    fun publish(result: Result) {
        newest?.let(free::addLast)
        newest = result
    }

    /** The newest result, from now on the one that is shown; null where nothing is newer than what is. */
    @Synchronized
    fun show(): Result? {
        val next = newest ?: return null
        shownBefore?.let(free::addLast)
        shownBefore = shown
        shown = next
        newest = null
        return next
    }
}
