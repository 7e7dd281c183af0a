package io.topformer.core

/**
 * Holds the camera's last frames back until their labels are there, so that labels lie on what they were made of.
 *
 * The network takes only some frames. One that it has finished is shown with its labels at once. Those between it and
 * the one that the network has now will never have labels: they are shown one by one as further frames come, so that
 * the picture moves at the camera's rate. Later ones wait, but for no longer than there are slots: then the oldest is
 * shown as it is. Without a network at work the newest is shown. Where the picture is to stand still, it is the frame of
 * the last labels, which is kept for that, as is the one that the network has.
 *
 * Times are the camera's, of the start of each frame. Nothing is allocated after construction. Not for several threads.
 */
public class FramePairing(slots: Int) {
    init {
        require(slots >= 4) { "One frame is shown, one has the labels, the network has one, and another one comes." }
    }

    private val timesNs = LongArray(slots) { NO_FRAME }
    private val waiting = IntArray(slots)
    private var count = 0
    private var labelledNs = Long.MIN_VALUE

    // The slots of the frame of the last labels, and of the one that the network has.
    private var labelled = NONE
    private var running = NONE

    /** The slot that is shown; [NONE] before the first. */
    public var shown: Int = NONE
        private set

    /** The slot for a new frame, of which [onFrame] is to be asked next. */
    public fun add(timestampNs: Long): Int {
        var slot = 0
        while (!isFree(slot)) slot++
        timesNs[slot] = timestampNs
        waiting[count++] = slot
        return slot
    }

    /** Returns whether another frame is to be shown now that one has been added: [shown]. */
    public fun onFrame(runningNs: Long): Boolean {
        labelled = timesNs.indexOf(labelledNs)
        running = timesNs.indexOf(runningNs)
        return when {
            count == 0 -> false
            runningNs == NOTHING_RUNS -> showUpTo(Long.MAX_VALUE)
            showUpTo(labelledNs) -> true
            timesNs[waiting[0]] < runningNs || count == timesNs.size - OTHERS -> showOldest()
            else -> false
        }
    }

    /** Returns whether another frame is to be shown now that the labels of a frame are there: [shown]. */
    public fun onLabels(labelledNs: Long): Boolean {
        this.labelledNs = labelledNs
        labelled = timesNs.indexOf(labelledNs)
        return showUpTo(labelledNs)
    }

    /**
     * Returns whether another frame is to be shown now that the picture is to stand still: [shown]. Frames that wait are
     * never shown. Where the labels' own frame never came, the picture stays as it is.
     */
    public fun onFreeze(): Boolean {
        count = 0
        if (labelled == NONE || labelled == shown) return false
        shown = labelled
        return true
    }

    /** When the shown frame was taken. */
    public val shownNs: Long get() = if (shown == NONE) 0 else timesNs[shown]

    private fun showUpTo(timeNs: Long): Boolean {
        var found = false
        while (count > 0 && timesNs[waiting[0]] <= timeNs) found = showOldest()
        return found
    }

    private fun showOldest(): Boolean {
        shown = waiting[0]
        waiting.copyInto(waiting, 0, 1, count--)
        return true
    }

    private fun isFree(slot: Int): Boolean {
        for (place in 0 until count) if (waiting[place] == slot) return false
        return slot != shown && slot != labelled && slot != running
    }

    public companion object {
        public const val NONE: Int = -1

        /** In place of a running frame's time. */
        public const val NOTHING_RUNS: Long = Long.MIN_VALUE

        // Of a slot that was never filled.
        private const val NO_FRAME = Long.MAX_VALUE

        // Slots of frames that do not wait: one is shown, one has the labels, the network has one.
        private const val OTHERS = 3
    }
}
