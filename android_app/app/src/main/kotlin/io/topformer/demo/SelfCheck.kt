package io.topformer.demo

/** Whether this device computes what the model's export promised. */
sealed interface SelfCheck {
    object Passed : SelfCheck

    class Differs(val how: String) : SelfCheck

    object Absent : SelfCheck

    companion object {
        /** Runs the model on its golden input; throws what `Segmenter.run` does. */
        fun run(pipeline: Pipeline, golden: ByteArray?): SelfCheck = Absent
    }
}
