package io.topformer.core

/**
 * Holds the camera's last frames back until their labels are there, so that labels lie on what they were made of.
 *
 * The network takes only some frames. One that it has finished is shown with its labels at once. Those between it and
 * the one that the network has now will never have labels: they are shown one by one as further frames come, so that
 * the picture moves at the camera's rate. Later ones wait, but for no longer than there are slots: then the oldest is
 * shown as it is. Without a network at work the newest is shown.
 *
 * Times are the camera's, of the start of each frame. Nothing is allocated after construction. Not for several threads.
 */
public class FramePairing(slots: Int) {
    init {
        require(slots >= 2) { "One frame is shown while another one comes." }
    }

    private val timesNs = LongArray(slots)
    private val waiting = IntArray(slots)
    private var count = 0
    private val free = BooleanArray(slots) { true }

    /** The slot that is shown; [NONE] before the first. */
    public var shown: Int = NONE
        private set

    /** The slot for a new frame, of which [onFrame] is to be asked next. */
    public fun add(timestampNs: Long): Int {
        val slot = free.indexOf(true)
        free[slot] = false
        timesNs[slot] = timestampNs
        waiting[count++] = slot
        return slot
    }

    /** Returns whether another frame is to be shown now that one has been added: [shown]. */
    public fun onFrame(labelledNs: Long, runningNs: Long): Boolean = when {
        count == 0 -> false
        runningNs == NOTHING_RUNS -> showUpTo(Long.MAX_VALUE)
        showUpTo(labelledNs) -> true
        timesNs[waiting[0]] < runningNs || count == timesNs.size - 1 -> showOldest()
        else -> false
    }

    /** Returns whether another frame is to be shown now that the labels of a frame are there: [shown]. */
    public fun onLabels(labelledNs: Long): Boolean = showUpTo(labelledNs)

    /** When the shown frame was taken. */
    public val shownNs: Long get() = if (shown == NONE) 0 else timesNs[shown]

    private fun showUpTo(timeNs: Long): Boolean {
        var found = false
        while (count > 0 && timesNs[waiting[0]] <= timeNs) found = showOldest()
        return found
    }

    private fun showOldest(): Boolean {
        if (shown != NONE) free[shown] = true
        shown = waiting[0]
        waiting.copyInto(waiting, 0, 1, count--)
        return true
    }

    public companion object {
        public const val NONE: Int = -1

        /** In place of a running frame's time. */
        public const val NOTHING_RUNS: Long = Long.MIN_VALUE
    }
}
