package io.topformer.demo

import android.view.GestureDetector
import android.view.MotionEvent
import android.view.ScaleGestureDetector
import android.view.View
import io.topformer.core.Placement

/** Fingers on the stage: a tap, two fingers to zoom, one to move, a double tap to go back, a long press to compare. */
class StageGestures(view: View, private val placement: Placement, private val listener: Listener) {
    interface Listener {
        fun onTap(x: Float, y: Float)

        fun onPlaced()

        fun onCompare(held: Boolean)
    }

    private var comparing = false

    private val taps = GestureDetector(
        view.context,
        object : GestureDetector.SimpleOnGestureListener() {
            override fun onDown(event: MotionEvent) = true

            override fun onSingleTapUp(event: MotionEvent): Boolean {
                listener.onTap(event.x, event.y)
                return true
            }

            override fun onDoubleTap(event: MotionEvent): Boolean {
                if (placement.isMoved) placement.reset() else placement.zoomBy(DOUBLE_TAP_ZOOM, event.x, event.y)
                listener.onPlaced()
                return true
            }

            override fun onScroll(first: MotionEvent?, last: MotionEvent, dx: Float, dy: Float): Boolean {
                placement.moveBy(-dx, -dy)
                listener.onPlaced()
                return true
            }

            override fun onLongPress(event: MotionEvent) = compare(true)
        },
    )

    private val zoom = ScaleGestureDetector(
        view.context,
        object : ScaleGestureDetector.SimpleOnScaleGestureListener() {
            override fun onScale(detector: ScaleGestureDetector): Boolean {
                placement.zoomBy(detector.scaleFactor, detector.focusX, detector.focusY)
                listener.onPlaced()
                return true
            }
        },
    )

    fun onTouch(event: MotionEvent): Boolean {
        zoom.onTouchEvent(event)
        taps.onTouchEvent(event)
        val ends = event.actionMasked == MotionEvent.ACTION_UP || event.actionMasked == MotionEvent.ACTION_CANCEL
        if (ends) compare(false)
        return true
    }

    private fun compare(held: Boolean) {
        if (comparing == held) return
        comparing = held
        listener.onCompare(held)
    }

    private companion object {
        const val DOUBLE_TAP_ZOOM = 2.5f
    }
}
