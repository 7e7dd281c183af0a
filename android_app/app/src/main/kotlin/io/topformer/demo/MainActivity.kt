package io.topformer.demo

import android.app.Activity
import android.os.Bundle

/** The one screen. */
class MainActivity : Activity() {
    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
    }
}
