package io.topformer.demo

import io.topformer.core.GoldenException
import io.topformer.core.GoldenReader
import io.topformer.core.GoldenVector

/** Whether this device computes what the model's export promised. */
sealed interface SelfCheck {
    /** Of the picture that the model was checked with; null where there was none. */
    val credit: String? get() = null

    class Passed(override val credit: String) : SelfCheck

    class Differs(val found: GoldenVector.Result, val golden: GoldenVector) : SelfCheck {
        override val credit get() = golden.credit
    }

    /** The golden file is damaged, or not this model's. */
    class Unusable(val what: String, val why: String) : SelfCheck

    object Absent : SelfCheck

    companion object {
        /** Runs the model on its golden picture; throws what `Segmenter.run` does. */
        fun run(pipeline: Pipeline, golden: ByteArray?): SelfCheck {
            if (golden == null) return Absent
            return try {
                val vector = GoldenReader.read(golden)
                val found = pipeline.check(vector)
                if (found.passed) Passed(vector.credit) else Differs(found, vector)
            } catch (error: GoldenException) {
                Unusable(error.what, error.why)
            }
        }
    }
}
