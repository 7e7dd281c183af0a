package io.topformer.core

/**
 * Hands things from a thread that fills them to one that uses them: the newest wins, and none is filled while it is
 * used. Nothing is allocated after construction.
 */
public class Newest<T : Any>(things: List<T>) {
    private val free = ArrayDeque(things)
    private var newest: T? = null

    /** One to be filled, for [publish] or [giveBack]: where none is free, what was published and not used yet. */
    @Synchronized
    public fun take(): T? = free.removeFirstOrNull() ?: use()

    @Synchronized
    public fun publish(thing: T) {
        newest?.let(free::addLast)
        newest = thing
    }

    /** What was published last, for [giveBack] after its use; null where nothing is new. */
    @Synchronized
    public fun use(): T? = newest.also { newest = null }

    @Synchronized
    public fun giveBack(thing: T) {
        free.addLast(thing)
    }
}
